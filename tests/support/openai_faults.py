"""What an OpenAI-compatible server does when it does not answer as asked: the faults that tests script."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from afterword.workers.embedded.completions import HttpReply, completion, error

MODEL = "fake-model"


@dataclass(frozen=True)
class Hang(HttpReply):
    """Nothing is sent until the server is released or stopped; then the request is answered as if nothing had been."""

    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Dropped(HttpReply):
    """The connection is closed without an answer."""

    body: Mapping[str, Any] = field(default_factory=dict)

    def deliver(self, handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Trickle(HttpReply):
    """A response that begins and goes on a byte at a time until the client goes, for 20 seconds at most."""

    body: Mapping[str, Any] = field(default_factory=dict)

    def deliver(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        for _ in range(1_000):
            handler.wfile.write(b" ")
            time.sleep(0.02)


@dataclass(frozen=True)
class Page(HttpReply):
    """A page of a proxy where JSON was asked for."""

    body: Mapping[str, Any] = field(default_factory=dict)

    def deliver(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(self.status)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        handler.wfile.write(b"<html>Please sign in</html>")


def rate_limited(retry_after: str = "1") -> HttpReply:
    """429, with the Retry-After header as given: seconds or an HTTP date."""
    return error(429, "rate_limit_exceeded", "slow down", {"Retry-After": retry_after})


def server_error(status: int = 500) -> HttpReply:
    """5xx."""
    return error(status, "server_error", "something broke")


def unauthorised(key: str = "sk-secret") -> HttpReply:
    """401, repeating the key as some providers do."""
    return error(401, "invalid_api_key", f"Incorrect API key provided: {key}")


def out_of_quota() -> HttpReply:
    """429 that no waiting mends."""
    return error(429, "insufficient_quota", "you exceeded your current quota")


def unknown_model(status: int = 404) -> HttpReply:
    """404, or 400 as some endpoints say it."""
    return error(status, "model_not_found", "no such model")


def bad_request(message: str = "context length exceeded") -> HttpReply:
    """400 for a reason that lies in the request."""
    return error(400, "context_length_exceeded", message)


def truncated() -> HttpReply:
    """An answer that was cut off at the model's limit."""
    return completion('{"memory": [{"id": "0", "te', model=MODEL, finish_reason="length")


def filtered() -> HttpReply:
    """An answer that the provider's content filter withheld."""
    return completion("", model=MODEL, finish_reason="content_filter")


def refusal() -> HttpReply:
    """The model declines."""
    return completion("", model=MODEL, refusal="I cannot help with that")


def says(answer: str) -> HttpReply:
    """A complete answer of any text: no JSON, the wrong shape, or empty."""
    return completion(answer, model=MODEL)


def not_json() -> HttpReply:
    """An answer in prose."""
    return says("Sure! Here are the facts you asked for.")


def wrong_shape() -> HttpReply:
    """JSON, but not what was asked for."""
    return says('{"facts": ["one", "two"]}')
