"""Chat completions as an agent gets them: streamed in pieces, and asking for tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from afterword.workers.embedded.completions import HttpReply
from tests.support.openai_faults import MODEL


@dataclass(frozen=True)
class Streamed(HttpReply):
    """A completion as server-sent events, one for each of `deltas`."""

    body: Mapping[str, Any] = field(default_factory=dict)
    deltas: tuple[Mapping[str, Any], ...] = ()
    finish_reason: str = "stop"

    def deliver(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for delta in self.deltas:
            handler.wfile.write(_event(_chunk(delta, None)))
        handler.wfile.write(_event(_chunk({}, self.finish_reason)) + b"data: [DONE]\n\n")
        handler.close_connection = True


def streamed(*pieces: str) -> HttpReply:
    """An answer in pieces."""
    return Streamed(deltas=tuple({"content": piece} for piece in pieces))


def streamed_tool_call(name: str, arguments: Mapping[str, Any]) -> HttpReply:
    """The model asks for a tool; its arguments come in two pieces."""
    encoded = json.dumps(arguments)
    half = len(encoded) // 2
    first = {"index": 0, "id": "call-1", "type": "function", "function": {"name": name, "arguments": encoded[:half]}}
    second = {"index": 0, "function": {"arguments": encoded[half:]}}
    return Streamed(deltas=({"tool_calls": [first]}, {"tool_calls": [second]}), finish_reason="tool_calls")


def _chunk(delta: Mapping[str, Any], finish_reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}


def _event(body: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
