"""The rules of ingest: which events are remembered, and when a subject is due for extraction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from afterword.schemas import ConversationFinished, Scope
from afterword.workers.services.policy.limits import RequestLimits
from afterword.workers.services.policy.redaction import Redaction
from afterword.workers.services.policy.registry import AgentRegistry
from afterword.workers.stores.ledger.agents import Agent


@dataclass(frozen=True, slots=True)
class Debounce:
    """Wait for `after` of silence, `within` of the first event at most; `at_tokens` make a subject due at once.

    >>> rule = Debounce(timedelta(seconds=30), timedelta(minutes=5), at_tokens=4_000)
    >>> noon = datetime(2026, 5, 1, 12)
    >>> rule.due_at(noon, first_at=None, pending_tokens=12).time().isoformat()
    '12:00:30'
    """

    after: timedelta
    within: timedelta
    at_tokens: int

    def due_at(self, now: datetime, first_at: datetime | None, pending_tokens: int) -> datetime:
        """When a subject is due whose newest event came `now`, whose oldest waits since `first_at`."""
        if pending_tokens >= self.at_tokens:
            return now
        return min(now + self.after, (first_at or now) + self.within)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRules:
    """Whether memory is on at all and for an agent; whether an LLM learns facts, or excerpts are all (`verbatim`); how
    many events are taken in.
    """

    registry: AgentRegistry
    limits: RequestLimits
    redaction: Redaction
    debounce: Debounce
    memory_enabled: bool
    verbatim: bool

    def switched_off(self, event: ConversationFinished) -> str | None:
        """Why nothing of this event is to be remembered; None when it is."""
        if not self.memory_enabled:
            return "memory is switched off"
        agent = self._agent(event)
        if not agent.memory_enabled:
            return "memory is off for this agent"
        # Excerpts are of the user's scope, and all that there is without an LLM.
        if self.verbatim and Scope.USER not in agent.scopes:
            return "this agent remembers nothing of users"
        return None

    def keeps_excerpts(self, event: ConversationFinished) -> bool:
        """Whether the turns of an event are kept verbatim: they are the user's, so not where its agent remembers
        nothing of users.
        """
        return Scope.USER in self._agent(event).scopes

    def agents_time_zone(self, event: ConversationFinished) -> str | None:
        """The time zone of the users of the event's agent, as last known; waits for nobody."""
        return self.registry.known(event.tenant_id, event.agent_id)[0].time_zone if event.agent_id else None

    def _agent(self, event: ConversationFinished) -> Agent:
        if not event.agent_id:
            return Agent(event.tenant_id, "")
        return self.registry.agent(event.tenant_id, event.agent_id)
