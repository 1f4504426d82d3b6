"""The gateway beside the SDK: the time that it adds, the contexts that one process carries, and slow clients.

A machine of two cores cannot show how many contexts a process would carry that has a core to itself: whoever asks,
Redis and the workers share them. So processor time is compared, of the gateway and of the worker that answers the same
contexts. Tokens are checked, as they are for every caller.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from threading import local
from typing import Any

import jwt

from afterword.producers import ClientSettings, MemoryClient
from afterword.workers.embedded.redis_server import free_port
from ops.bench.asking import questions
from ops.bench.findings import Comparison, Findings, Row, latency
from ops.bench.processes import Process, answers, module, running
from ops.bench.samples import Samples
from ops.bench.sampling import Timed, back_to_back
from ops.bench.servers import Place, Servers
from ops.bench.slow_clients import CONNECTED

AIM_ADDED_MS = 3.0
AIM_CARRIED = 1.0
AIM_BESIDE_SLOW = 1.5
COMPOSE_LIMIT = 176
"""MiB that docker-compose.yml gives the gateway."""

_AFTERWORD = str(Path(sys.executable).with_name("afterword"))
_SECRET = "a secret of the benchmark, of 32 bytes and more"
_AT_ONCE = 16
_USER = "user-0"
_LARGE_BYTES = 1_000_000
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    calls: int
    side_by_side: int
    slow: int
    large: int


FULL = Size(calls=1_000, side_by_side=3_000, slow=1_000, large=64)
QUICK = Size(calls=5, side_by_side=16, slow=20, large=2)


class Door:
    """The gateway's process, and requests to it over a connection that stays open."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        claims = {"sub": "bench", "roles": ["agent"], "aud": "afterword", "exp": int(time.time()) + 86_400}
        token = jwt.encode(claims, _SECRET, algorithm="HS256")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer. Raises: RuntimeError, for one that is an error."""
        try:
            answer = self._answer(path, body)
        except ConnectionError:
            # The gateway closes a connection that nobody used for five seconds. Clients open another one then.
            self._connection.close()
            answer = self._answer(path, body)
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{answer.status}: {text.decode()}")
        return json.loads(text)

    def _answer(self, path: str, body: dict[str, Any]) -> http.client.HTTPResponse:
        self._connection.request("POST", f"/api/v1/{path}", json.dumps(body), self._headers)
        return self._connection.getresponse()

    def context(self, query: str) -> None:
        """Ask. Raises: RuntimeError, for a degraded context too."""
        found = self.post("context", {"user_id": _USER, "query": query})
        if found["degraded"]:
            raise RuntimeError(f"a degraded context: {found['degraded']}")

    def again(self) -> Door:
        """The same gateway over a connection of its own: each thread needs one."""
        return Door(self.process, self.port)

    def close(self) -> None:
        self._connection.close()


def measure(place: Place, quick: bool) -> Findings:
    """One after the other, side by side, beside slow clients, and with many large bodies."""
    size = QUICK if quick else FULL
    with ExitStack() as stack:
        servers = stack.enter_context(place.servers())
        client = stack.enter_context(MemoryClient(servers.redis_url, settings=ClientSettings(on_unavailable="raise")))
        client.publish_many(Samples().conversations(20, users=1))
        with servers.worker("ingest", store="memories"):
            servers.wait_for_status("stored", 20)
        worker = stack.enter_context(servers.worker("context", store="memories"))
        door = stack.enter_context(_gateway(servers))
        rest = door.process.resident_bytes() / _MIB
        found = [
            _added(client, door, size),
            _carried(client, door, worker, size),
            _beside_slow(servers, door, size),
            _memory(door, size, rest),
        ]
    return Findings([row for each in found for row in each.rows], [row for each in found for row in each.comparisons])


@contextmanager
def _gateway(servers: Servers) -> Iterator[Door]:
    port = free_port()
    environment = {
        "AFTERWORD_GATEWAY_REDIS_URL": servers.redis_url,
        "AFTERWORD_GATEWAY_PORT": str(port),
        "AFTERWORD_GATEWAY_JWT_SECRET": _SECRET,
        # Nobody's fault here: a machine that is busy may let a question wait.
        "AFTERWORD_GATEWAY_CONTEXT_SECONDS": "10",
    }
    with running([_AFTERWORD, "gateway"], servers.folder / f"gateway-{port}.log", environment) as process:
        process.wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        with closing(Door(process, port)) as door:
            yield door


def _added(client: MemoryClient, door: Door, size: Size) -> Findings:
    """The same calls over both, in turn."""
    asked, events = questions(1), cycle(list(Samples(4).conversations(100, users=20)))
    by_sdk = Timed(lambda: client.context(_USER, query=next(asked), timeout=10))
    by_http = Timed(lambda: door.context(next(asked)))
    published = Timed(lambda: client.publish(**next(events)))
    posted = Timed(lambda: door.post("conversations", _as_json(next(events))))
    back_to_back([by_sdk, by_http, published, posted], size.calls)
    rows = [
        latency("context over the SDK", by_sdk.seconds),
        latency("context over the gateway", by_http.seconds),
        latency("publish over the SDK", published.seconds),
        latency("publish over the gateway", posted.seconds),
    ]
    asking, asking_http, publishing, publishing_http = (row.figures["p50"] for row in rows)
    return Findings(
        rows,
        [
            Comparison("context: what the gateway adds, p50", asking_http - asking, "ms", AIM_ADDED_MS),
            Comparison("publish: what the gateway adds, p50", publishing_http - publishing, "ms", AIM_ADDED_MS),
        ],
    )


def _as_json(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "occurred_at": event["occurred_at"].isoformat()}


def _carried(client: MemoryClient, door: Door, worker: Process, size: Size) -> Findings:
    """Side by side over the SDK, then over the gateway."""
    asked = list(islice(questions(2), 2 * size.side_by_side))
    over_sdk = _rate(lambda query: client.context(_USER, query=query, timeout=10), asked[: size.side_by_side])
    of_worker, of_gateway = worker.cpu_seconds(), door.process.cpu_seconds()
    with _door_each(door) as context:
        over_http = _rate(context, asked[size.side_by_side :])
    of_worker = worker.cpu_seconds_since(of_worker) / size.side_by_side
    of_gateway = door.process.cpu_seconds_since(of_gateway) / size.side_by_side
    times = {"gateway": 1000 * of_gateway, "worker": 1000 * of_worker}
    return Findings(
        [
            Row(f"contexts, {_AT_ONCE} at a time", size.side_by_side, {"SDK": over_sdk, "HTTP": over_http}, "a second"),
            Row("processor time of a context over the gateway", size.side_by_side, times, "ms"),
        ],
        [
            Comparison(f"contexts a second, {_AT_ONCE} at a time: HTTP / SDK", over_http / over_sdk, "of 1"),
            Comparison(
                "carried by a gateway / answered by two context workers",
                of_worker / (2 * of_gateway),
                "times",
                AIM_CARRIED,
                at_most=False,
            ),
        ],
    )


def _rate(ask: Callable[[str], object], asked: Sequence[str]) -> float:
    begun = time.perf_counter()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(ask, asked):
            pass
    return len(asked) / (time.perf_counter() - begun)


@contextmanager
def _door_each(door: Door) -> Iterator[Callable[[str], None]]:
    """Asks for a context, over a connection of each thread."""
    of_thread = local()
    with ExitStack() as opened:

        def context(query: str) -> None:
            if not hasattr(of_thread, "door"):
                of_thread.door = opened.enter_context(closing(door.again()))
            of_thread.door.context(query)

        yield context


def _beside_slow(servers: Servers, door: Door, size: Size) -> Findings:
    """Contexts over a gateway that has slow clients and over another one, in turn: the machine is as busy for both."""
    asked, log = questions(3), servers.folder / "slow-clients.log"
    with ExitStack() as stack:
        other = stack.enter_context(_gateway(servers))
        clients = stack.enter_context(running(module("slow_clients", "127.0.0.1", str(door.port), str(size.slow)), log))
        clients.wait_until(lambda: CONNECTED in log.read_text())
        without, beside = Timed(lambda: other.context(next(asked))), Timed(lambda: door.context(next(asked)))
        back_to_back([without, beside], size.calls)
        held = door.process.resident_bytes() / _MIB
    rows = [
        latency("context over a gateway without slow clients", without.seconds),
        latency(f"over one with {size.slow:,} of them", beside.seconds),
    ]
    times = rows[1].figures["p50"] / rows[0].figures["p50"]
    return Findings(
        [*rows, Row(f"memory of the gateway with {size.slow:,} slow clients", size.slow, {"rss": held}, "MiB")],
        [Comparison(f"p50 beside {size.slow:,} slow clients / without", times, "times", AIM_BESIDE_SLOW)],
    )


def _memory(door: Door, size: Size, rest: float) -> Findings:
    """The most memory, after all that was before, while conversations of 1 MB are published side by side."""
    sentence = Samples(5).sentence(200)
    turns = [{"role": "user", "content": sentence} for _ in range(_LARGE_BYTES // len(sentence))]
    sizes = list[float]()

    def post(number: int) -> None:
        with closing(door.again()) as own:
            own.post("conversations", {"user_id": f"large-{number}", "messages": turns})
        sizes.append(door.process.resident_bytes() / _MIB)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(post, range(size.large)):
            pass
    peak = max(sizes)
    row = Row(f"memory of the gateway, {_AT_ONCE} of 1 MB at a time", size.large, {"rest": rest, "peak": peak}, "MiB")
    return Findings([row], [Comparison("gateway: peak / limit of Compose", peak / COMPOSE_LIMIT, "of 1", 1.0)])
