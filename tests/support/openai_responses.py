"""Answers of OpenAI's Responses API, whole and as a stream of events."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from afterword.workers.embedded.completions import HttpReply, HttpRequest
from tests.support.openai_faults import MODEL

RESPONSES = "/v1/responses"


def one_after_another(*replies: HttpReply) -> Callable[[HttpRequest], HttpReply | None]:
    """A rule for `FakeOpenAI.fail_when`: these, in order, to what asks the Responses API."""
    left = list(replies)
    return lambda request: left.pop(0) if request.path == RESPONSES else None


def reasoning() -> dict[str, Any]:
    """A thought, which nobody said."""
    return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Let me think"}]}


def message(text: str, number: int = 1) -> dict[str, Any]:
    """An item with words of the assistant."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": [part]}


def function_call(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A tool that the caller is to run."""
    called = {"name": name, "arguments": json.dumps(arguments)}
    return {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed", **called}


def responds(*output: Mapping[str, Any], response_id: str = "resp_1") -> HttpReply:
    """A whole response."""
    return HttpReply(_response(list(output), response_id))


def _response(output: list[Mapping[str, Any]], response_id: str) -> dict[str, Any]:
    return {
        "id": response_id,
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "model": MODEL,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 1,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 2,
        },
    }


@dataclass(frozen=True)
class StreamedResponse(HttpReply):
    """A response as events: its words in pieces, then the whole."""

    body: Mapping[str, Any] = field(default_factory=dict)
    pieces: tuple[str, ...] = ()

    def deliver(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        at = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
        events: list[dict[str, Any]] = [
            {"type": "response.reasoning_summary_text.delta", "delta": "Let me think", "item_id": "rs_1"},
            *({"type": "response.output_text.delta", "delta": piece, **at} for piece in self.pieces),
            {"type": "response.completed", "response": _response([message("".join(self.pieces))], "resp_1")},
        ]
        for number, event in enumerate(events):
            told = json.dumps({**event, "sequence_number": number})
            handler.wfile.write(f"event: {event['type']}\ndata: {told}\n\n".encode())
        handler.close_connection = True
