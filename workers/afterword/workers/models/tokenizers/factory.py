"""The tokenizer that the settings name."""

from __future__ import annotations

from pathlib import Path

from afterword.workers.models.tokenizers.port import EstimatingTokenizer, Tokenizer


def build_tokenizer(name: str) -> Tokenizer:
    """A tokenizer by its name: "estimate", "tiktoken:<encoding or model>", or the path of a `tokenizer.json`.

    Raises: Misconfigured, naming the setting and saying what to do.
    """
    # Each library is imported only where it is used.
    match name.partition(":"):
        case ("estimate", "", ""):
            return EstimatingTokenizer()
        case ("tiktoken", ":", encoding):
            from afterword.workers.models.tokenizers.tiktoken import load_tiktoken

            return load_tiktoken(encoding)
    from afterword.workers.models.tokenizers.hugging_face import load_hugging_face

    return load_hugging_face(Path(name).expanduser())
