"""The guards, around applications that are made for the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from afterword.gateway.guards import BodyBounds, Crowd, Departures, Faults
from afterword.gateway.headers import SecurityHeaders
from afterword.gateway.loopback import OwnMachine


def request(path: str = "/", **headers: str) -> Scope:
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": path, "headers": listed}


def part(body: bytes, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class Connection:
    """The server's side of a request: what comes, and what is answered. `hang_up` is the caller's."""

    def __init__(self, *coming: Message) -> None:
        self._coming = list(coming)
        self._gone = asyncio.Event()
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self._coming:
            return self._coming.pop(0)
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def hang_up(self) -> None:
        self._gone.set()

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def problem(self) -> Any:
        return json.loads(self.sent[1]["body"])

    def header(self, name: str) -> str | None:
        return next((value.decode() for key, value in self.sent[0]["headers"] if key.decode() == name), None)


async def answer(send: Send, content_type: bytes = b"text/plain") -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})
    await send({"type": "http.response.body", "body": b"done"})


async def reading(_: Scope, receive: Receive, send: Send) -> None:
    """Reads the whole body, then answers."""
    while (await receive()).get("more_body"):
        pass
    await answer(send)


def run(app: ASGIApp, scope: Scope, *coming: Message) -> Connection:
    connection = Connection(*coming)
    asyncio.run(_call(app, scope, connection))
    return connection


async def _call(app: ASGIApp, scope: Scope, connection: Connection) -> None:
    await app(scope, connection.receive, connection.send)


def bounded(seconds: float = 5, batches: Iterable[str] = ("/batch",)) -> BodyBounds:
    return BodyBounds(reading, most_bytes=10, seconds=seconds, is_batch=set(batches).__contains__, batch_bytes=20)


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    refused = run(bounded(), request(content_length="11"))
    assert (refused.status, refused.problem["code"]) == (413, "too_large")
    assert run(bounded(), request(content_length="10"), part(b"x" * 10)).status == 200


def test_a_body_that_says_nothing_is_counted_as_it_comes() -> None:
    with pytest.raises(HTTPException) as refused:
        run(bounded(), request(transfer_encoding="chunked"), part(b"x" * 6, more=True), part(b"x" * 5))
    assert refused.value.status_code == 413
    assert run(bounded(), request("/batch"), part(b"x" * 6, more=True), part(b"x" * 5)).status == 200


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with pytest.raises(HTTPException) as refused:
        run(bounded(seconds=0.01), request(), part(b"x", more=True))
    assert refused.value.status_code == 408


def test_a_wait_ends_when_the_caller_hangs_up() -> None:
    ended: list[str] = []

    async def waiting(_: Scope, receive: Receive, __: Send) -> None:
        await receive()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def use(scope: Scope, *coming: Message) -> Connection:
        connection = Connection(*coming)
        call = asyncio.create_task(_call(Departures(waiting), scope, connection))
        await asyncio.sleep(0)
        connection.hang_up()
        await call
        return connection

    assert asyncio.run(use(request(content_length="2"), part(b"{}"))).sent == []
    assert asyncio.run(use(request(), part(b""))).sent == []
    assert ended == ["cancelled"] * 2


def test_a_caller_who_stays_gets_an_answer_and_a_server_that_stops_ends_the_wait() -> None:
    assert run(Departures(reading), request(content_length="2"), part(b"{", more=True), part(b"}")).status == 200
    assert run(Departures(reading), request(), part(b"")).status == 200

    async def stopped() -> None:
        connection = Connection(part(b""))

        async def for_ever(*_: Any) -> None:
            await asyncio.Event().wait()

        call = asyncio.create_task(_call(Departures(for_ever), request(), connection))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(stopped())


def test_a_body_is_read_whole_by_an_application_that_reads_it_late() -> None:
    async def late(_: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0)
        assert (await receive())["body"] == b"{}"
        await answer(send)

    assert run(Departures(late), request(content_length="2"), part(b"{}")).status == 200


def test_whoever_comes_past_the_bound_is_told_to_come_again() -> None:
    async def use() -> None:
        leave = asyncio.Event()

        async def staying(_: Scope, __: Receive, send: Send) -> None:
            await leave.wait()
            await answer(send)

        crowd, first, second, probe, third = Crowd(staying, most=1, seconds=9), *(Connection() for _ in range(4))
        inside = asyncio.create_task(_call(crowd, request(), first))
        await asyncio.sleep(0)
        await _call(crowd, request(), second)
        assert (second.status, second.header("retry-after")) == (503, "1")
        probing = asyncio.create_task(_call(crowd, request("/healthz"), probe))
        leave.set()
        await asyncio.gather(inside, probing)
        assert (first.status, probe.status) == (200, 200)
        await _call(crowd, request(), third)
        assert third.status == 200

    asyncio.run(use())


def test_a_fault_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(*_: Any) -> None:
        raise LookupError("what somebody said")

    failed = run(Faults(failing), request())
    assert (failed.status, failed.problem["code"]) == (500, "internal")
    assert "said" not in str(failed.problem)
    assert "LookupError" in caplog.messages[-1]


def page(content_type: bytes) -> Callable[..., Awaitable[None]]:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await answer(send, content_type)

    return app


def test_browsers_are_told_to_trust_nothing() -> None:
    data = run(SecurityHeaders(page(b"application/json")), request())
    html = run(SecurityHeaders(page(b"text/html; charset=utf-8")), request())
    assert data.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"
    assert data.header("cache-control") == "no-store"
    policy = html.header("content-security-policy") or ""
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    for answered in (data, html):
        assert answered.header("x-content-type-options") == "nosniff"
        assert answered.header("referrer-policy") == "no-referrer"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8642"}, 200),
        ({"host": "localhost:8642", "origin": "http://localhost:8642"}, 200),
        ({"host": "[::1]:8642", "sec_fetch_site": "same-origin"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "127.0.0.1:8642", "origin": "https://evil.example"}, 403),
        ({"host": "127.0.0.1:8642", "origin": "null"}, 403),
        ({"host": "127.0.0.1:8642", "sec_fetch_site": "cross-site"}, 403),
        ({"host": "[::1"}, 403),
        ({}, 403),
    ],
)
def test_pages_of_others_do_not_reach_a_gateway_that_asks_nobody(headers: dict[str, str], status: int) -> None:
    assert run(OwnMachine(page(b"text/plain")), request(**headers)).status == status


def test_an_answer_that_is_not_read_holds_no_place() -> None:
    async def answering(_: Scope, __: Receive, send: Send) -> None:
        await answer(send)

    class Stalled(Connection):
        async def send(self, _: Message) -> None:
            await asyncio.Event().wait()

    async def use() -> None:
        crowd, stalled, other = Crowd(Faults(answering), most=1, seconds=0.01), Stalled(), Connection()
        await crowd(request(), stalled.receive, stalled.send)
        await crowd(request(), other.receive, other.send)
        assert other.status == 200

    asyncio.run(use())
