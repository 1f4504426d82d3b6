"""The tokenizers of OpenAI's models, and of whoever registers one with tiktoken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afterword.workers.core.errors import Misconfigured

if TYPE_CHECKING:
    import tiktoken


class TiktokenTokenizer:
    """Counts as one of tiktoken's encodings. Marks such as `<|endoftext|>` in a text count as the text they are."""

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self._encoding = encoding

    def count(self, text: str) -> int:
        # `encode` raises an error for a text that holds such a mark.
        return len(self._encoding.encode_ordinary(text))


def load_tiktoken(name: str) -> TiktokenTokenizer:
    """The tokenizer of an encoding or of a model. Its vocabulary is read from TIKTOKEN_CACHE_DIR, else downloaded once.

    Raises: Misconfigured, when tiktoken is not installed, knows no such name, or cannot get the vocabulary.
    """
    try:
        import tiktoken
    except ImportError as error:
        raise Misconfigured("AFTERWORD_TOKENIZER: install tiktoken: pip install 'afterword[tokenizers]'") from error
    known = tiktoken.list_encoding_names()
    try:
        encoding = name if name in known else tiktoken.encoding_name_for_model(name)
    except KeyError as error:
        raise Misconfigured(
            f"AFTERWORD_TOKENIZER: tiktoken knows no encoding and no model {name!r}: name a model of OpenAI's, "
            f"or one of {', '.join(known)}"
        ) from error
    try:
        return TiktokenTokenizer(tiktoken.get_encoding(encoding))
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"AFTERWORD_TOKENIZER: the vocabulary of {encoding} cannot be had ({error}): let this host download it "
            "once, set TIKTOKEN_CACHE_DIR to a folder that holds it, or set AFTERWORD_TOKENIZER=estimate"
        ) from error
