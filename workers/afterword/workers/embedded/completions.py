"""An OpenAI-compatible server on a loopback port, whose answers come from a function."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from afterword.workers.text.tokens import estimate

Messages = Sequence[Mapping[str, Any]]
Script = Callable[[Messages], str]

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came; `body` is empty for a GET, the names of `headers` are lower case."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def messages(self) -> Messages:
        """The prompt of a chat completion."""
        found = self.body.get("messages")
        return found if isinstance(found, list) else []


@dataclass(frozen=True)
class HttpReply:
    """A response in JSON."""

    body: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def deliver(self, handler: BaseHTTPRequestHandler) -> None:
        """Write the response to the connection."""
        body = json.dumps(self.body, ensure_ascii=False).encode()
        handler.send_response(self.status)
        for name, value in {**self.headers, "Content-Type": "application/json", "Content-Length": len(body)}.items():
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(body)


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> HttpReply:
    """A refusal in OpenAI's form."""
    body = {"error": {"message": message, "type": code, "code": code, "param": None}}
    return HttpReply(body, status, headers or {})


def completion(
    text: str, *, model: str, messages: Messages = (), finish_reason: str = "stop", refusal: str | None = None
) -> HttpReply:
    """A chat completion in OpenAI's form, its token counts estimated."""
    prompt = sum(estimate(str(message.get("content", ""))) for message in messages)
    answer = {"role": "assistant", "content": None if refusal else text, "refusal": refusal}
    return HttpReply(
        {
            "id": "chatcmpl-0",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "message": answer, "finish_reason": finish_reason, "logprobs": None}],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": estimate(text),
                "total_tokens": prompt + estimate(text),
                "prompt_tokens_details": {"cached_tokens": 0},
            },
        }
    )


class CompletionsServer:
    """Serves chat completions (not streamed) and the list of its one model. Any key is accepted.

    `answer` is called in several threads at once. `start` again after `stop` keeps the port.
    """

    def __init__(self, answer: Script, *, model: str = "authored", port: int = 0) -> None:
        """`port` 0 takes a free one."""
        self.model = model
        self._answer = answer
        self._port = port
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """The base URL for a client, once the server has been started."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Start; when this returns, connections are accepted."""
        self._server = _Server(self, self._port)
        self._port = self._server.server_address[1]
        # 0.05 s is how soon `stop` is noticed; the default is half a second.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="completions", daemon=True).start()

    def stop(self) -> None:
        """Stop accepting connections; answers under way are still sent."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def reply(self, request: HttpRequest) -> HttpReply:
        """The response to a request."""
        if request.path == MODELS:
            model = {"id": self.model, "object": "model", "created": 0, "owned_by": "afterword"}
            return HttpReply({"object": "list", "data": [model]})
        if request.path != CHAT:
            return error(404, "not_found", f"no such path: {request.path}")
        if not request.messages:
            return error(400, "invalid_request_error", "messages: is required")
        return completion(self._answer(request.messages), model=self.model, messages=request.messages)


class _Server(socketserver.ThreadingTCPServer):
    # A port that was closed a moment ago may be taken again: `start` after `stop` keeps it.
    allow_reuse_address = True
    daemon_threads = True
    # The default of 5 would refuse connections when many threads ask at once.
    request_queue_size = 128

    def __init__(self, owner: CompletionsServer, port: int) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that has gone is no news
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0: each response ends its connection, so that a stopped server answers nobody."""

    server: _Server

    def do_GET(self) -> None:
        self._reply({})

    def do_POST(self) -> None:
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        except ValueError:
            error(400, "invalid_request_error", "the body is not JSON").deliver(self)
            return
        self._reply(body if isinstance(body, dict) else {})

    def _reply(self, body: Mapping[str, Any]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.owner.reply(HttpRequest(self.path, body, headers)).deliver(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: they hold prompts."""
