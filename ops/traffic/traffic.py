"""Sample traffic: asks for context and publishes a conversation, over and over, at a set rate.

Where Redis is, AFTERWORD_REDIS_URL says. The sessions of the conversations stay the same while the events are new:
after the first round there is nothing new to extract, so that running for days costs no more LLM calls than that,
and the store does not grow. Ends cleanly on SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from itertools import cycle
from pathlib import Path
from threading import Event
from uuid import uuid4

from afterword.producers import MemoryClient
from afterword.schemas import ConversationFinished

MOST_PER_MINUTE = 600


def shipped_conversations() -> Path:
    """The conversations of the demo, as installed."""
    return Path(str(resources.files("afterword.workers.embedded") / "demo" / "conversations.jsonl"))


def read_conversations(path: Path) -> list[ConversationFinished]:
    """The events in a file, one JSON object a line. Raises: InvalidEvent, UnsupportedVersion."""
    with path.open(encoding="utf-8") as lines:
        return [ConversationFinished.parse(json.loads(line)) for line in lines if line.strip()]


def published_now(conversation: ConversationFinished) -> ConversationFinished:
    """The same conversation as another event, which happens now."""
    return conversation.model_copy(update={"event_id": str(uuid4()), "occurred_at": datetime.now(UTC)})


def last_question(conversation: ConversationFinished) -> str | None:
    """The user's last words."""
    said = [message.text for message in conversation.messages if message.role == "user"]
    return said[-1] if said else None


def one_run(client: MemoryClient, conversation: ConversationFinished) -> None:
    """One run of an agent: context before the run, the conversation after it."""
    context = client.context(
        user_id=conversation.user_id,
        agent_id=conversation.agent_id,
        session_id=conversation.session_id,
        query=last_question(conversation),
    )
    event_id = client.publish(published_now(conversation))
    missing = f", without {', '.join(context.degraded)}" if context.degraded else ""
    print(f"{conversation.user_id}: {len(context.memories)} memories{missing}; published {event_id}", flush=True)


def run(client: MemoryClient, conversations: Sequence[ConversationFinished], options: argparse.Namespace) -> None:
    """Runs until SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for conversation in cycle(conversations):
        one_run(client, conversation)
        if options.alive_file:
            options.alive_file.touch()
        if stop.wait(60 / options.per_minute):
            return


def _rate(text: str) -> int:
    rate = int(text)
    if not 1 <= rate <= MOST_PER_MINUTE:
        raise argparse.ArgumentTypeError(f"must be 1 to {MOST_PER_MINUTE}")
    return rate


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Sample traffic for Afterword.")
    parser.add_argument("--conversations", type=Path, default=shipped_conversations(), help="one JSON event a line")
    parser.add_argument("--per-minute", type=_rate, default=6, help=f"runs a minute, at most {MOST_PER_MINUTE}")
    parser.add_argument("--alive-file", type=Path, help="a file to touch after every run")
    return parser.parse_args()


def main() -> None:
    options = _options()
    with MemoryClient.from_env() as client:
        run(client, read_conversations(options.conversations), options)


if __name__ == "__main__":
    main()
