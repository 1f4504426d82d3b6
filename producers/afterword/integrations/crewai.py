"""CrewAI: `AfterwordStorage`, for the external memory of a crew.

>>> memory = ExternalMemory(storage=AfterwordStorage(user_id="maya"))  # doctest: +SKIP
>>> Crew(agents=[...], tasks=[...], external_memory=memory).kickoff()
"""

from __future__ import annotations

import logging
from typing import Any

from crewai.memory.storage.interface import Storage

from afterword.integrations.unfailing import Participants, UnfailingMemory
from afterword.producers import MemoryClient
from afterword.producers.calls import ContextOptions

logger = logging.getLogger("afterword.integrations")


# Without CrewAI, which is not installed for the tests, its `Storage` is Any to mypy: hence the first of the two. With
# it there is nothing to ignore: hence the second.
class AfterwordStorage(Storage):  # type: ignore[misc, unused-ignore]
    """Gives each task of a crew its memories, and publishes the task with its result: the task as said by the user,
    the result by the assistant.

    `session_id` is a thread of your own, where there is one. `client` defaults to that of the environment; `recall` is
    how to choose memories, as in `MemoryClient.context`. A crew goes on whatever happens here.
    """

    def __init__(
        self,
        client: MemoryClient | None = None,
        *,
        user_id: Any,
        agent_id: Any = None,
        session_id: Any = None,
        recall: ContextOptions | None = None,
    ) -> None:
        self._memory = UnfailingMemory(client or MemoryClient.from_env(), recall)
        self._participants = Participants(user_id, agent_id, session_id)

    def __deepcopy__(self, _: dict[int, Any]) -> AfterwordStorage:
        # A crew that is copied, for each input of a batch, shares the client and its connections.
        return self

    def save(self, value: Any, metadata: dict[str, Any]) -> None:
        """Publish a task and its result."""
        # Not the `messages` of the metadata: the memories that the task was given stand in them.
        task = {"role": "user", "content": metadata.get("description") if isinstance(metadata, dict) else None}
        self._memory.publish(self._between(), [task, {"role": "assistant", "content": _result(value)}])

    def search(self, query: str, limit: int, score_threshold: float) -> list[dict[str, Any]]:
        """The memories for a task. CrewAI's threshold is for another measure than ours, and is not used."""
        context = self._memory.context(self._between(), query or None, limit=limit)
        return [{"id": each.id, "content": each.text, "score": each.score} for each in context.memories]

    def reset(self) -> None:
        """Nothing: clearing a user is more than resetting a crew. It takes `client.memories.clear(user_id=…)`."""
        logger.warning("a crew was reset; the memories of its user stay: clear them with client.memories.clear")

    def _between(self) -> Participants | None:
        return self._memory.between(lambda: self._participants)


def _result(value: Any) -> str:
    """A result without the thoughts that an agent puts before it."""
    return str(value if value is not None else "").rpartition("Final Answer:")[2].strip()
