"""The tokenizers of models that ship a `tokenizer.json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from afterword.workers.core.errors import Misconfigured

if TYPE_CHECKING:
    import tokenizers


class HuggingFaceTokenizer:
    """Counts as a tokenizer of the library `tokenizers`."""

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        # A file may carry how its model was trained or served: that cuts texts, or fills them up.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def load_hugging_face(file: Path) -> HuggingFaceTokenizer:
    """The tokenizer in a `tokenizer.json`.

    Raises: Misconfigured, when `tokenizers` is not installed, or the file is not there or not such a file.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise Misconfigured(
            "AFTERWORD_TOKENIZER: install the library tokenizers: pip install 'afterword[tokenizers]'"
        ) from error
    if not file.is_file():
        raise Misconfigured(
            f"AFTERWORD_TOKENIZER: there is no file {file}: set it to estimate, tiktoken:<encoding or model>, "
            "or the path of a model's tokenizer.json"
        )
    try:
        return HuggingFaceTokenizer(tokenizers.Tokenizer.from_file(str(file)))
    except Exception as error:
        if type(error) is not Exception:  # the library raises nothing more exact
            raise
        raise Misconfigured(f"AFTERWORD_TOKENIZER: {file} is no tokenizer.json: {error}") from error
