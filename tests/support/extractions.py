"""What the tests of extraction look at."""

from __future__ import annotations

from typing import Any

from afterword.schemas import ClearMemories, Kind
from afterword.workers.embedded.authored import new_messages
from afterword.workers.embedded.completions import Messages
from tests.support.fake_openai import FakeOpenAI
from tests.support.workshop import REPLY_TO, Workshop


def clear(workshop: Workshop, user: str = "ann", session: str | None = None) -> None:
    """Clear a user, or one session of theirs."""
    workshop.house.commands.commands(workshop.broker).run(
        ClearMemories(user_id=user, session_id=session, reply_to=REPLY_TO)
    )


def facts(workshop: Workshop, **having: Any) -> list[str]:
    """The texts of the facts in the store, in order."""
    return workshop.texts(kind=Kind.FACT, **having)


def shown(llm: FakeOpenAI, call: int = -1) -> str:
    """The whole prompt of a call."""
    return "\n".join(str(message["content"]) for message in llm.chats[call].messages)


def shown_new(prompt: Messages) -> str:
    """The turns that a prompt asks about."""
    return "\n".join(str(message["content"]) for message in new_messages(prompt))


def count(workshop: Workshop, name: str, **labels: str) -> float:
    """The value of a counter."""
    return workshop.house.metrics.registry.get_sample_value(name, labels) or 0.0
