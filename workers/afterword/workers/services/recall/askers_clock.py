"""By whose clock a question is asked: "yesterday" is another day in Shanghai than in Lisbon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from afterword.schemas import ContextRequest, Scope
from afterword.schemas.zones import zone_of
from afterword.workers.core.errors import Late, VectorStoreUnavailable
from afterword.workers.services.recall.corners import Corner
from afterword.workers.services.recall.finding.corner_search import CornerSearch
from afterword.workers.services.recall.ledger_reader import LedgerReader
from afterword.workers.services.recall.question.parsing import ParsedQuestion, parse_question
from afterword.workers.services.recall.steps import Deadline
from afterword.workers.stores.vectors.payload import StoredMemory

NEWEST = 5
"""How many of the user's newest memories are searched for an offset: not every memory has one."""

_LOOKING = 0.2
"""The part of the time left that looking for the clock may take; the answer itself comes after it."""


class AskersClock:
    """Reads questions by the asker's clock. The request's time zone comes first, then the offset of the user's newest
    memories, then the zone of the agent's users, then UTC. Memories are read only for a question that names a time.
    """

    def __init__(self, *, search: CornerSearch, ledger: LedgerReader) -> None:
        self._search = search
        self._ledger = ledger

    def parse(
        self, request: ContextRequest, corners: Sequence[Corner], deadline: Deadline, now: datetime
    ) -> ParsedQuestion:
        """The request's question, asked `now`."""
        query = request.query or ""
        told = zone_of(request.time_zone)
        asked = parse_question(query, now.astimezone(told) if told else now)
        # Most questions name no time. The clock makes no difference then, and nobody is asked for it.
        if told or asked.period is None:
            return asked
        known = self._of_user(corners, deadline) or zone_of(self._ledger.agents_time_zone(request))
        return parse_question(query, now.astimezone(known)) if known else asked

    def _of_user(self, corners: Sequence[Corner], deadline: Deadline) -> tzinfo | None:
        of_user = [corner for corner in corners if corner.scope is Scope.USER]
        if not of_user:
            return None
        try:
            return clock_of(self._search.newest(of_user, NEWEST, deadline.part(_LOOKING)).found)
        except (Late, VectorStoreUnavailable):
            return None


def clock_of(memories: Iterable[StoredMemory]) -> tzinfo | None:
    """The clock of the newest memory that was not told in UTC; None when all were."""
    # An offset of zero says nothing: it may only be how a program writes times.
    told = [memory.occurred_at for memory in memories if memory.occurred_at.utcoffset()]
    return max(told).tzinfo if told else None
