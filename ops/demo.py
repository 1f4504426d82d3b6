"""The demo: real conversations become memories, and the right ones come back into the next prompt.

`make demo [CONVERSATIONS=file.jsonl]`. Starts the embedded stack in a temporary folder, leaves nothing running.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from afterword.producers import AfterwordError, ConversationFinished, Memory, MemoryClient
from afterword.workers.embedded import demo_data
from afterword.workers.embedded.authored import AuthoredAnswers
from afterword.workers.embedded.completions import CompletionsServer
from afterword.workers.embedded.demo_data import DemoQuestion
from afterword.workers.embedded.models import settings_at_hand
from afterword.workers.embedded.stack import EmbeddedStack
from afterword.workers.runtime import logs
from afterword.workers.runtime.settings import Settings

SYSTEM_PROMPT = "You are a helpful assistant."
_PROCESSING_SECONDS = 600.0
_PENDING = ("received", "stored", "extracting")
_QUESTIONS_OF_A_FILE = 5


@dataclass(frozen=True)
class Plan:
    """The conversations and questions of the demo, and the models it uses."""

    conversations: Sequence[ConversationFinished]
    questions: Sequence[DemoQuestion]
    settings: Settings
    said: Sequence[str]


def main() -> None:
    """Run the demo. Exit status 1, and one line, when it cannot be shown."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--conversations", type=Path, help="JSONL, one ConversationFinished a line")
    file: Path | None = arguments.parse_args().conversations
    try:
        with authored_answers() as authored_url:
            show(plan(file, authored_url))
    except (AfterwordError, OSError) as error:
        sys.exit(f"demo: {error}")


@contextmanager
def authored_answers() -> Iterator[str]:
    """A server that answers extractions of the shipped conversations as people wrote them, at an OpenAI-like API."""
    server = CompletionsServer(AuthoredAnswers(demo_data.conversations(), demo_data.answers()))
    with server:
        yield server.url


def plan(file: Path | None, authored_url: str) -> Plan:
    """The shipped conversations or those of a file, with the models that are at hand.

    Raises: InvalidEvent, naming the line of the file; OSError.
    """
    settings, said = settings_at_hand(Settings.load(probe_port=0, extract_after=0.5, extract_within=2.0))
    settings = settings.model_copy(update={"log_level": "ERROR", "log_format": "text"})
    if file is not None:
        events = demo_data.read_conversations(file.read_text(encoding="utf-8").split("\n"))
        return Plan(events, questions_of(events), settings, said)
    if settings.llm == "none":
        authored = {"llm": "openai", "llm_base_url": authored_url, "llm_model": "authored", "llm_api_key": None}
        settings = settings.model_copy(update=authored)
        said = ["extractor  authored answers (no OPENAI_API_KEY): written by people for these conversations", *said[1:]]
    return Plan(demo_data.conversations(), demo_data.questions(), settings, said)


def questions_of(events: Sequence[ConversationFinished]) -> list[DemoQuestion]:
    """For conversations of your own: each user's last message, asked again in a new session."""
    last = {}
    for event in events:
        words = [message.text for message in event.messages if message.role == "user" and message.text]
        if words:
            last[event.user_id] = DemoQuestion(
                user_id=event.user_id,
                agent_id=event.agent_id or "assistant",
                session_id=None,
                query=words[-1],
                language="",
            )
    return list(last.values())[:_QUESTIONS_OF_A_FILE]


def show(shown: Plan) -> None:
    """Publish, wait, ask and print."""
    logs.configure(shown.settings)
    print("Afterword demo", *shown.said, sep="\n  ")
    with tempfile.TemporaryDirectory(prefix="afterword-demo-") as folder:
        stack = EmbeddedStack(Path(folder), shown.settings)
        started = time.monotonic()
        stack.start()
        print(f"  stack      Redis, PostgreSQL, Qdrant Edge and six roles, up in {time.monotonic() - started:.1f} s\n")
        try:
            with MemoryClient(stack.redis_url) as client:
                publish(client, stack, shown.conversations)
                print_memories(client, shown.conversations)
                for question in shown.questions:
                    print_prompt(client, question)
        finally:
            stack.stop()
    print("Done: everything that was started has been stopped.")


def publish(client: MemoryClient, stack: EmbeddedStack, events: Sequence[ConversationFinished]) -> None:
    """Publish the conversations and wait until every one is done. Raises: AfterwordError, when one is not."""
    started = time.perf_counter()
    results = client.publish_many(events)
    refused = [result.error for result in results if result.error]
    if refused:
        raise refused[0]
    taken = 1000 * (time.perf_counter() - started)
    print(
        f"Published {len(events)} conversations in {taken:.1f} ms; the agent's part is over. Meanwhile, in the workers:"
    )
    deadline = time.monotonic() + _PROCESSING_SECONDS
    while True:
        progress = stack.progress()
        recorded = sum(progress.values())
        waiting = sum(progress.get(status, 0) for status in _PENDING)
        print(f"\r  {_bar(recorded - waiting, len(events))} {_told(progress)}   ", end="", flush=True)
        if recorded >= len({event.event_id for event in events}) and not waiting:
            break
        if time.monotonic() > deadline:
            raise AfterwordError(f"not done after {_PROCESSING_SECONDS:.0f} s: {_told(progress)}")
        time.sleep(0.2)
    print(f"\n  all done after {time.perf_counter() - started:.1f} s")
    if progress.get("dead"):
        raise AfterwordError(f"{progress['dead']} conversations could not be extracted")


def print_memories(client: MemoryClient, events: Sequence[ConversationFinished]) -> None:
    """How many memories each user has by now, by scope and kind."""
    print("\nMemories:")
    for user_id in dict.fromkeys(event.user_id for event in events):
        counts = Counter(f"{memory.scope} {memory.kind}s" for memory in client.memories.iterate(user_id=user_id))
        print(f"  {user_id}: " + ", ".join(f"{number} {name}" for name, number in sorted(counts.items())))


def print_prompt(client: MemoryClient, question: DemoQuestion) -> None:
    """Ask for context as an agent would before a run, and print the prompt that it would send."""
    started = time.perf_counter()
    context = client.context(
        question.user_id,
        agent_id=question.agent_id,
        session_id=question.session_id,
        query=question.query,
        language=question.language or None,
        timeout=10,
    )
    taken = 1000 * (time.perf_counter() - started)
    print("\n" + "─" * 100)
    print(f"{question.user_id} to {question.agent_id}: {question.query}")
    print("─" * 100)
    print(context.inject(SYSTEM_PROMPT))
    worker = context.timings_ms.get("total", 0.0)
    degraded = f", without {', '.join(context.degraded)}" if context.degraded else ""
    print(f"\n{len(context.memories)} memories in {taken:.1f} ms ({worker:.1f} ms in the worker){degraded}")
    for memory in context.memories:
        print(f"  {memory.score or 0:.2f}  {memory.scope:7}  {memory.kind:7}  {_source(memory)}  {_short(memory.text)}")


def _bar(done: int, total: int, width: int = 24) -> str:
    filled = width * done // max(total, 1)
    return f"[{'█' * filled}{'░' * (width - filled)}] {done}/{total}"


def _told(progress: dict[str, int]) -> str:
    return ", ".join(f"{number} {status}" for status, number in sorted(progress.items()))


def _source(memory: Memory) -> str:
    if memory.source is None:
        return ""
    return f"{memory.source.event_id}#{memory.source.message}".ljust(28)


def _short(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[:limit]}…"


if __name__ == "__main__":
    main()
