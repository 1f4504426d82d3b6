"""What the embedded stack says of itself when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from afterword.workers.embedded.models import choose_embedder, choose_llm
from afterword.workers.embedded.stack import EmbeddedStack
from afterword.workers.runtime.settings import Settings


def settings_at_hand(settings: Settings) -> tuple[Settings, list[str]]:
    """The settings with the models that are at hand, and what to say of them."""
    llm, embedder = choose_llm(settings), choose_embedder(settings)
    chosen = settings.model_copy(update={"llm": llm.provider, "embedder": embedder.provider})
    return chosen, [f"extractor  {llm.said}", f"embedder   {embedder.said}"]


def welcome(stack: EmbeddedStack, said: Sequence[str], folder: Path) -> str:
    """Where everything is, and what an agent has to set."""
    lines = [
        "Afterword is up.",
        *said,
        f"data       {folder.resolve()}"
        + ("" if stack.durable else "  (fakeredis: what is queued is lost at the end)"),
        f"metrics    http://127.0.0.1:{stack.probe_port}/metrics",
        f"ledger     {stack.postgres_url}",
        "",
        "In the agent's environment:",
        f"  export AFTERWORD_REDIS_URL={stack.redis_url}",
        "",
        "Ctrl-C stops it.",
    ]
    return "\n".join(lines)
