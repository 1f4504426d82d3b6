from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tokenizers
from tokenizers import models, pre_tokenizers, processors, trainers

from afterword.workers.core.errors import Misconfigured
from afterword.workers.models.tokenizers.factory import build_tokenizer
from afterword.workers.text.tokens import estimate

CORPUS = ["Ada likes green tea", "Ada lives in Lisbon", "tea and coffee in Lisbon", "艾达喜欢绿茶"]
VOCABULARY_URL = "http://127.0.0.1:1/tiny.tiktoken"
COUNTING = (
    "import sys\n"
    "from afterword.workers.models.tokenizers.factory import build_tokenizer\n"
    "counter = build_tokenizer(sys.argv[1])\n"
    "print([counter.count(text) for text in sys.argv[2:]])"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A byte-level BPE tokenizer, with all that a model's file may carry beside its vocabulary."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator(CORPUS, trainer)
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    made.enable_truncation(2)
    made.enable_padding(length=8)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder with an encoding for tiktoken to find, whose vocabulary is to be had from a cache only."""
    (tmp_path / "tiktoken_ext").mkdir()
    (tmp_path / "tiktoken_ext" / "tiny.py").write_text(
        "from tiktoken.load import load_tiktoken_bpe\n"
        "def tiny():\n"
        "    return {'name': 'tiny', 'pat_str': r'\\w+|\\W', 'special_tokens': {'<|end|>': 999},\n"
        f"            'mergeable_ranks': load_tiktoken_bpe({VOCABULARY_URL!r})}}\n"
        "ENCODING_CONSTRUCTORS = {'tiny': tiny}\n"
    )
    (tmp_path / "cache").mkdir()
    tokens = [bytes([byte]) for byte in range(256)] + [b"te", b"tea", b"Ad", b"Ada"]
    cached = "".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens))
    (tmp_path / "cache" / hashlib.sha1(VOCABULARY_URL.encode()).hexdigest()).write_text(cached)
    return tmp_path


def counted(plugins: Path, cache: Path, name: str, *texts: str) -> subprocess.CompletedProcess[str]:
    """The count by a process of its own: tiktoken finds its encodings once a process."""
    environment = {**os.environ, "PYTHONPATH": str(plugins), "TIKTOKEN_CACHE_DIR": str(cache)}
    program = [sys.executable, "-c", COUNTING, name, *texts]
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("text", ["", "likes tea", "她喜欢绿茶", "🍵 чай"])
def test_the_estimate(text: str) -> None:
    assert build_tokenizer("estimate").count(text) == estimate(text)


def test_a_tokenizer_json_counts_whole_texts_and_nothing_around_them(file: Path) -> None:
    tokenizer = build_tokenizer(str(file))
    assert tokenizer.count("") == 0
    assert tokenizer.count("Ada") == 1
    assert tokenizer.count("Ada likes tea in Lisbon") == 5
    assert tokenizer.count("zzz") == 3
    assert tokenizer.count("🍵") == 4


def test_eight_threads_count_the_same(file: Path) -> None:
    tokenizer = build_tokenizer(str(file))
    texts = [text * n for text in CORPUS for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tokenizer.count, texts)) == [tokenizer.count(text) for text in texts]


def test_tiktoken_counts_with_a_vocabulary_of_the_cache(plugins: Path) -> None:
    done = counted(plugins, plugins / "cache", "tiktoken:tiny", "", "Ada", "Ada tea", "teas", "<|end|>")
    assert done.stdout.strip() == "[0, 1, 3, 2, 7]", done.stderr


def test_a_vocabulary_that_cannot_be_had(plugins: Path) -> None:
    done = counted(plugins, plugins / "elsewhere", "tiktoken:tiny")
    told = done.stderr.strip().splitlines()[-1]
    assert told.startswith("afterword.workers.core.errors.Misconfigured: AFTERWORD_TOKENIZER")
    assert "TIKTOKEN_CACHE_DIR" in told
    assert "AFTERWORD_TOKENIZER=estimate" in told


@pytest.mark.parametrize("name", ["tiktoken:", "tiktoken:no-such-model"])
def test_a_name_that_tiktoken_does_not_know(name: str) -> None:
    with pytest.raises(Misconfigured, match=r"AFTERWORD_TOKENIZER: tiktoken knows no .*o200k_base"):
        build_tokenizer(name)


@pytest.mark.parametrize("name", ["gpt-5", "no/such/tokenizer.json", ".", ""])
def test_a_file_that_is_not_there(name: str) -> None:
    with pytest.raises(Misconfigured, match=r"AFTERWORD_TOKENIZER: there is no file .*estimate, tiktoken:"):
        build_tokenizer(name)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"model": {"type": "BPE"}}'])
def test_a_file_of_something_else(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(Misconfigured, match=r"AFTERWORD_TOKENIZER: .*is no tokenizer\.json"):
        build_tokenizer(str(tmp_path / "tokenizer.json"))


@pytest.mark.parametrize(("name", "library"), [("tiktoken:o200k_base", "tiktoken"), ("tokenizer.json", "tokenizers")])
def test_a_library_that_is_not_installed(name: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(Misconfigured, match=r"AFTERWORD_TOKENIZER: .*pip install 'afterword\[tokenizers\]'"):
        build_tokenizer(name)
