"""The cost of a conversation: processor time, calls to the LLM and prompt tokens, beside mem0's plain `Memory.add`.

mem0 is called three times for each conversation (for the user, for the agent, for the user's session): that is its
way to memories of three scopes. Both sides ask the same LLM, which answers at once and estimates its tokens, and the
same embedder. mem0 keeps its memories in the process too, in qdrant-client's local mode, its history in SQLite.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from afterword.producers import ConversationFinished, MemoryClient
from afterword.workers.stores.ledger.extraction import llm_calls
from ops.bench.findings import Comparison, Findings, Row
from ops.bench.processes import module, printed
from ops.bench.samples import Samples
from ops.bench.servers import Place, Servers
from ops.bench.taken import Taken

_WINDOW = 10
_WINDOWS = 10
_BURST = 5
_ROLES = ("ingest", "extraction", "scheduler")


@dataclass(frozen=True, slots=True)
class Case:
    """A way in which conversations come, and the most prompt tokens that it may take beside three plain adds."""

    name: str
    debounce: str
    aim: float
    users: int
    each: int

    def conversations(self) -> list[dict[str, Any]]:
        """`each` conversations of every user."""
        count = self.users * self.each
        return list(Samples().conversations(count, users=self.users))


class Republished(Case):
    """A session whose last messages are published again after every run, with one run's turns new among them."""

    def conversations(self) -> list[dict[str, Any]]:
        samples = Samples()
        return [event for user in range(self.users) for event in self._windows(samples, f"user-{user}")]

    def _windows(self, samples: Samples, user_id: str) -> Iterator[dict[str, Any]]:
        first = next(samples.conversations(1, users=1))
        said = [message for _ in range(_WINDOW) for message in samples.messages()][: _WINDOW + 2 * (_WINDOWS - 1)]
        for number in range(self.each):
            yield {
                **first,
                "user_id": user_id,
                "session_id": f"session-{user_id}",
                "occurred_at": first["occurred_at"] + timedelta(minutes=number),
                "messages": said[2 * number : 2 * number + _WINDOW],
            }


def cases(quick: bool) -> list[Case]:
    """As many conversations as a minute allows."""
    users = 2 if quick else 40
    return [
        Case("unbatched", "0", 0.37, users=_BURST * users, each=1),
        Case(f"bursts of {_BURST}", "3", 1 / 3, users=users, each=_BURST),
        Republished(f"{_WINDOWS} windows of {_WINDOW} messages", "3", 1 / 10, users=users // 2, each=_WINDOWS),
    ]


def measure(place: Place, quick: bool) -> Findings:
    """Each case on servers of its own, then the same conversations through mem0."""
    chosen = cases(quick)[:1] if quick else cases(quick)
    found = [_measured(place, str(number), case) for number, case in enumerate(chosen)]
    return Findings(
        [row for each in found for row in each.rows],
        [comparison for each in found for comparison in each.comparisons],
    )


def _measured(place: Place, name: str, case: Case) -> Findings:
    events = case.conversations()
    with place.servers(name) as servers, servers.llm(0) as llm:
        ours = _ours(servers, llm.url, events, case)
        plain = _plain(servers.folder, llm.url, events)
    return Findings(
        [_row(f"{case.name}: Afterword", ours), _row(f"{case.name}: three plain adds", plain)],
        [
            Comparison(f"{case.name}: prompt tokens", _share(ours, plain, "prompt_tokens"), "times", case.aim),
            Comparison(f"{case.name}: calls", _share(ours, plain, "calls"), "times"),
            Comparison(f"{case.name}: processor time", _share(ours, plain, "cpu_seconds"), "times"),
        ],
    )


def _ours(servers: Servers, llm_url: str, events: Sequence[Mapping[str, Any]], case: Case) -> Taken:
    """Published once all workers are ready; until every conversation is done."""
    with ExitStack() as stack:
        given = {"extract_after": case.debounce, "llm_base_url": llm_url}
        workers = [stack.enter_context(servers.worker(role, store=role, **given)) for role in _ROLES]
        begun = sum(worker.cpu_seconds() for worker in workers)
        with MemoryClient(servers.redis_url) as client:
            client.publish_many(events)
        servers.wait_until_settled(len(events))
        cpu = sum(worker.cpu_seconds() for worker in workers) - begun
    with servers.database.transaction() as connection:
        [usage] = llm_calls.usage(connection)
    return Taken(len(events), cpu, usage.calls, usage.tokens.prompt)


def _plain(folder: Path, llm_url: str, events: Sequence[Mapping[str, Any]]) -> Taken:
    file = folder / "conversations.jsonl"
    file.write_text("".join(ConversationFinished.parse(event).model_dump_json() + "\n" for event in events))
    command = module("plain", llm_url, str(file))
    return Taken(**json.loads(printed(command, folder / "plain.log")))


def _row(name: str, taken: Taken) -> Row:
    number = taken.conversations
    figures = {
        "calls": taken.calls / number,
        "tokens": taken.prompt_tokens / number,
        "ms": 1000 * taken.cpu_seconds / number,
    }
    return Row(name, number, figures, "a conversation")


def _share(ours: Taken, plain: Taken, name: str) -> float:
    each = [float(getattr(taken, name)) / taken.conversations for taken in (ours, plain)]
    return each[0] / each[1]
