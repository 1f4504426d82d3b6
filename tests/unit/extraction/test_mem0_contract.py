"""What we assume of mem0's insides: a change of mem0 fails here first."""

from __future__ import annotations

import ast
import importlib
import inspect
import socket
import sqlite3
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, NoReturn

import pytest

from afterword.schemas.errors import AfterwordError
from afterword.workers.core.errors import (
    BadAnswer,
    EmbeddingFailed,
    LeaseLost,
    LlmUnavailable,
    VectorStoreUnavailable,
    WritesMissing,
)
from afterword.workers.models.embedders.port import EmbedderIdentity, Vector
from afterword.workers.services.extraction import mem0_memory
from afterword.workers.services.extraction.known import Existing
from afterword.workers.services.extraction.mem0_memory import Hooks

# After ours, which see to mem0's environment before it is imported.
main = importlib.import_module("mem0.memory.main")
telemetry = importlib.import_module("mem0.memory.telemetry")

MESSAGES = [{"role": "user", "content": "I live in Lisbon"}, {"role": "assistant", "content": "Nice"}]


class Recorder:
    """The hooks and the embedder of one `add`, noting what is called."""

    def __init__(self, answers: Sequence[str] = ("a", "b"), known: Sequence[Existing] = ()) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.fails: dict[str, Callable[[], BaseException]] = {}
        self._answers = answers
        self._known = known

    @property
    def identity(self) -> EmbedderIdentity:
        return EmbedderIdentity("test", "test", 1)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        step = "embed answer" if "answer" in self.names else "embed batch"
        self._call(step, list(texts))
        return [[float(len(text))] for text in texts]

    def known(self, vector: Vector) -> Sequence[Existing]:
        self._call("known", vector)
        return self._known

    def answer(self, existing: Sequence[Existing]) -> Sequence[str]:
        self._call("answer", list(existing))
        return self._answers

    def write(self, vectors: Mapping[str, Vector | None]) -> None:
        self._call("write", dict(vectors))

    def add(self) -> None:
        mem0_memory.add(MESSAGES, embedder=self, hooks=Hooks(self.known, self.answer, self.write))

    def _call(self, name: str, what: Any) -> None:
        self.calls.append((name, what))
        if name in self.fails:
            raise self.fails[name]()


@pytest.fixture(autouse=True)
def _nothing_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*_: Any, **__: Any) -> NoReturn:
        pytest.fail("mem0 reached for SQLite or the network")

    monkeypatch.setattr(sqlite3, "connect", touched)
    monkeypatch.setattr(socket.socket, "connect", touched)
    monkeypatch.setattr(socket, "getaddrinfo", touched)


# What is called


def test_it_is_the_version_that_was_read() -> None:
    assert version("mem0ai").startswith("2.2.")


def test_its_telemetry_is_off() -> None:
    assert telemetry.MEM0_TELEMETRY is False


def test_one_add_is_known_answer_write_once_each() -> None:
    recorder = Recorder(known=[Existing("id", "old")])
    recorder.add()
    assert recorder.names == ["embed batch", "known", "answer", "embed answer", "write"]
    said = recorder.calls[0][1]
    assert len(said) == 1
    assert "I live in Lisbon" in said[0]
    assert "Nice" in said[0]
    assert recorder.calls[1][1] == [float(len(said[0]))]
    assert recorder.calls[2][1] == [Existing("id", "old")]
    assert recorder.calls[3][1] == ["a", "b"]
    assert recorder.calls[4][1] == {"a": [1.0], "b": [1.0]}


@pytest.mark.parametrize(
    "text",
    [
        "likes <think>aloud</think> thoughts",
        "writes ```json\n{}\n``` fences",
        'says "hi" \\ and {braces}',
        "你好 🙂",
        "two\nlines\ttabs",
        " ",
    ],
)
def test_a_text_is_written_as_it_was_answered(text: str) -> None:
    recorder = Recorder([text])
    recorder.add()
    assert recorder.calls[-1] == ("write", {text: [float(len(text))]})


def test_a_fact_that_is_known_already_is_not_dropped_by_mem0() -> None:
    recorder = Recorder(["a"], known=[Existing("id", "a")])
    recorder.add()
    assert recorder.calls[-1] == ("write", {"a": [1.0]})


def test_an_empty_answer_writes_nothing() -> None:
    recorder = Recorder([])
    recorder.add()
    assert recorder.names == ["embed batch", "known", "answer"]


def test_entities_go_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with spaCy installed, which mem0 finds entities with."""
    monkeypatch.setattr(main, "extract_entities_batch", lambda texts: [[("PLACE", "Lisbon")] for _ in texts])
    recorder = Recorder(["a"])
    recorder.add()
    assert recorder.names.count("write") == 1


# What is raised


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("embed batch", EmbeddingFailed("x")),
        ("known", VectorStoreUnavailable("x")),
        ("answer", LlmUnavailable("x", retry_after=7)),
        ("answer", BadAnswer("x")),
        ("answer", LeaseLost("x")),
        ("embed answer", EmbeddingFailed("x")),
        ("write", VectorStoreUnavailable("x")),
        ("write", WritesMissing("x")),
        ("write", RuntimeError("not one of ours")),
        ("embed answer", RuntimeError("not one of ours")),
    ],
)
@pytest.mark.parametrize("answers", [["a"], ["a", "b", "c"]])
def test_an_error_comes_out_as_itself_and_nothing_is_tried_after_it(
    step: str, error: Exception, answers: list[str]
) -> None:
    recorder = Recorder(answers)
    recorder.fails[step] = lambda: error
    with pytest.raises(type(error)) as caught:
        recorder.add()
    assert caught.value is error
    assert recorder.names[-1] == step
    assert recorder.names.count(step) == 1


def test_the_first_of_several_errors_comes_out() -> None:
    errors: Iterator[AfterwordError] = iter([EmbeddingFailed("first"), EmbeddingFailed("second")])
    recorder = Recorder(["a", "b"])
    recorder.fails["embed answer"] = lambda: next(errors)
    with pytest.raises(EmbeddingFailed, match="first"):
        recorder.add()


# What it touches

_RELIED_ON = {
    "config",
    "custom_instructions",
    "db.add_history",
    "db.batch_add_history",
    "db.get_last_messages",
    "db.save_messages",
    "embedding_model.embed",
    "embedding_model.embed_batch",
    "entity_store.insert",
    "entity_store.search_batch",
    "entity_store.update",
    "llm.generate_response",
    "vector_store.insert",
    "vector_store.search",
    "api_version",
    "_create_memory",
    "_existing_entities_by_text",
    "_normalize_entity_text",
}


def _of_self(function: Callable[..., Any]) -> set[str]:
    """The attributes of `self`, and their methods, that a method of mem0's uses."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    chains = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    own = {chain.removeprefix("self.") for chain in chains if chain.startswith("self.") and "(" not in chain}
    return {chain for chain in own if not any(other.startswith(f"{chain}.") for other in own)}


def test_mem0_asks_its_parts_for_nothing_new() -> None:
    assert _of_self(main.Memory._add_to_vector_store) == _RELIED_ON - {"config"}


def test_the_way_there_asks_for_the_configuration_only() -> None:
    assert _of_self(main.Memory.add) == {
        "_add_to_vector_store",
        "_create_procedural_memory",
        "config.llm.config.get",
        "llm",
    }


def test_every_part_that_is_asked_is_ours() -> None:
    recorder = Recorder()
    memory = mem0_memory._InjectedMemory(recorder, Hooks(recorder.known, recorder.answer, recorder.write))
    parts = (memory.llm, memory.embedding_model, memory.vector_store, memory.db, memory.entity_store)
    assert all(type(part).__module__ == mem0_memory.__name__ for part in parts)
