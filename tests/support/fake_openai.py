"""The one fake OpenAI-compatible server of all tests: scripted answers, scripted faults, every request recorded.

As a process of its own: `python -m tests.support.fake_openai --port N`.
"""

from __future__ import annotations

import argparse
import base64
import json
import signal
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from afterword.workers.embedded.authored import new_messages
from afterword.workers.embedded.completions import (
    CHAT,
    CompletionsServer,
    HttpReply,
    HttpRequest,
    Messages,
    Script,
)
from afterword.workers.models.embedders.hashing import HashingEmbedder
from afterword.workers.models.embedders.port import Embedder
from tests.support.openai_faults import MODEL, Hang

EMBEDDINGS = "/v1/embeddings"


@dataclass(frozen=True)
class Fact:
    """A fact to answer with. Without a `source` it is the last new message."""

    text: str
    scope: str = "user"
    attributed_to: str = "user"
    source: int | None = None


def memory(facts: Sequence[Fact], *, last: int = 0) -> str:
    """The JSON that an extraction is answered with; facts without a source get `last`."""
    items = [
        {
            "id": str(number),
            "text": fact.text,
            "attributed_to": fact.attributed_to,
            "scope": fact.scope,
            "source": last if fact.source is None else fact.source,
            "linked_memory_ids": [],
        }
        for number, fact in enumerate(facts)
    ]
    return json.dumps({"memory": items}, ensure_ascii=False)


def echoing(prompt: Messages) -> str:
    """The default rule: one fact of the user's scope per new message of a user, "User said: <content>"."""
    said = [message for message in new_messages(prompt) if message["role"] == "user"]
    return memory([Fact(f"User said: {message['content']}", source=message["n"]) for message in said])


def given(*facts: Fact) -> Script:
    """A rule: these facts, whatever is asked."""
    return lambda prompt: memory(facts, last=_last(prompt))


def by_content(facts: Mapping[str, Sequence[Fact]]) -> Script:
    """A rule: for each new message, the facts of every key that occurs in its content, with that message as source."""

    def rule(prompt: Messages) -> str:
        found = [
            Fact(fact.text, fact.scope, fact.attributed_to, message["n"])
            for message in new_messages(prompt)
            for key in facts
            if key in message["content"]
            for fact in facts[key]
        ]
        return memory(found)

    return rule


def text(answer: str) -> Script:
    """A rule: this text, whatever is asked."""
    return lambda _: answer


def _last(prompt: Messages) -> int:
    return max((message["n"] for message in new_messages(prompt)), default=0)


class FakeOpenAI(CompletionsServer):
    """Chat completions by a rule and embeddings by the hashing embedder; faults first, as they were scripted."""

    def __init__(self, rule: Script = echoing, *, port: int = 0) -> None:
        super().__init__(self._by_rule, model=MODEL, port=port)
        self._lock = threading.RLock()  # a fault rule may look at the requests so far
        self._came = threading.Condition(self._lock)
        self._default = rule
        self._embedders: dict[int, Embedder] = {}
        self._begin()

    def _begin(self) -> None:
        self._rule = self._default
        self._requests: list[HttpRequest] = []
        self._faults: dict[str, deque[HttpReply]] = {CHAT: deque(), EMBEDDINGS: deque()}
        self._fault_rule: Callable[[HttpRequest], HttpReply | None] = lambda _: None
        self._released = threading.Event()

    def _by_rule(self, prompt: Messages) -> str:
        return self._rule(prompt)

    def answer_with(self, rule: Script) -> None:
        """Script chat completions by this rule from now on."""
        self._rule = rule

    def fail(self, *faults: HttpReply, times: int = 1, at: Literal["chat", "embeddings"] = "chat") -> None:
        """Give each of these answers instead, in order, `times` over, to the next requests."""
        with self._lock:
            self._faults[CHAT if at == "chat" else EMBEDDINGS].extend(faults * times)

    def fail_when(self, rule: Callable[[HttpRequest], HttpReply | None]) -> None:
        """Give the rule's answer instead, whenever it has one (and no fault is queued)."""
        self._fault_rule = rule

    def release(self) -> None:
        """Script every request that hangs; later ones hang again."""
        with self._lock:
            released, self._released = self._released, threading.Event()
        released.set()

    def reset(self) -> None:
        """Forget requests, faults and rules; release what hangs."""
        self.release()
        with self._lock:
            self._begin()

    def stop(self) -> None:
        """Stop, releasing what hangs."""
        self.release()
        super().stop()

    @property
    def requests(self) -> list[HttpRequest]:
        """Every request so far, in order."""
        with self._lock:
            return list(self._requests)

    @property
    def chats(self) -> list[HttpRequest]:
        """The chat completions among them."""
        return [request for request in self.requests if request.path == CHAT]

    @property
    def embeddings(self) -> list[HttpRequest]:
        """The embedding requests among them."""
        return [request for request in self.requests if request.path == EMBEDDINGS]

    def wait_for_chats(self, count: int, timeout: float = 10.0) -> None:
        """Wait until so many chat completions have been asked for. Raises: AssertionError, when they are not."""
        with self._came:
            arrived = self._came.wait_for(lambda: sum(r.path == CHAT for r in self._requests) >= count, timeout)
        assert arrived, f"{len(self.chats)} of {count} chat completions were asked for within {timeout} s"

    def reply(self, request: HttpRequest) -> HttpReply:
        with self._came:
            self._requests.append(request)
            self._came.notify_all()
            queued = self._faults.get(request.path)
            fault = queued.popleft() if queued else self._fault_rule(request)
            released = self._released
        if isinstance(fault, Hang):
            released.wait()
        elif fault is not None:
            return fault
        return self._embedded(request) if request.path == EMBEDDINGS else super().reply(request)

    def _embedded(self, request: HttpRequest) -> HttpReply:
        asked = request.body["input"]
        embedder = self._embedder(request.body.get("dimensions") or 512)
        packed = request.body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": number, "embedding": _packed(vector) if packed else vector}
            for number, vector in enumerate(embedder.embed([asked] if isinstance(asked, str) else asked))
        ]
        usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
        return HttpReply({"object": "list", "model": request.body.get("model"), "data": data, "usage": usage})

    def _embedder(self, dimensions: int) -> Embedder:
        return self._embedders.setdefault(dimensions, HashingEmbedder(dimensions))


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def main() -> None:
    """Serve until SIGTERM or SIGINT; the URL is printed once connections are accepted."""
    options = argparse.ArgumentParser(description="A fake OpenAI-compatible server.")
    options.add_argument("--port", type=int, default=0)
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with FakeOpenAI(port=options.parse_args().port) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
