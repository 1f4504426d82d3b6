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
    return says('{"people": ["one", "two"]}')


# Embedders' ways of saying that a text is too long: OpenAI's, vLLM's, TEI's, Ollama's, llama.cpp's, and without a word.
TOO_LONG = (
    error(
        400, "context_length_exceeded", "This model's maximum context length is 512 tokens, however you requested 697"
    ),
    HttpReply({"object": "error", "message": "maximum context length is 512 tokens", "code": 400}, 400),
    HttpReply({"error": "Input validation error: `inputs` must have less than 512 tokens. Given: 697"}, 413),
    HttpReply(
        {"error": {"message": "the input length exceeds the context length", "type": "api_error"}}, 400
    ),  # Ollama
    HttpReply(
        {"error": {"message": "input is too large to process. increase the physical batch size"}}, 500
    ),  # llama.cpp
    HttpReply({"detail": "bad"}, 422),
)
# Their ways of saying that there are too many texts in a request.
TOO_MANY = (
    error(400, "InvalidParameter", "batch size is invalid, it should not be larger than 10."),  # DashScope
    HttpReply({"error": "batch size 32 > maximum allowed batch size 10", "error_type": "Validation"}, 422),  # TEI
    error(400, "invalid_request_error", "too many inputs: at most 10 inputs per request"),
    HttpReply({"message": "no"}, 413),
)

# Servers' ways of refusing a response_format.
FORMAT_REFUSED: Mapping[str, HttpReply] = {
    "LM Studio": HttpReply({"error": "'response_format.type' must be 'json_schema' or 'text'"}, 400),
    "vLLM": HttpReply(
        {"object": "error", "message": "guided decoding is not supported", "type": "BadRequestError", "code": 400}, 400
    ),
    "Azure": error(400, "BadRequest", "response_format is only supported by API version 2024-08-01-preview and later"),
    "OpenAI": HttpReply(
        {"error": {"message": "Invalid parameter", "param": "response_format", "code": "unsupported_value"}}, 400
    ),
    "Groq": error(400, "invalid_request_error", "This model does not support response format `json_object`"),
    "DeepSeek": error(400, "invalid_request_error", "This response_format type is unavailable now"),
    "Mistral": HttpReply({"detail": [{"type": "extra_forbidden", "loc": ["body", "response_format"]}]}, 422),
    "llama.cpp": HttpReply({"error": {"code": 500, "message": "failed to parse grammar", "type": "server_error"}}, 500),
}

# What endpoints answer, and whose fault it is: the provider's, the configuration's, or the batch's.
QUIRKS: Mapping[str, tuple[HttpReply, str]] = {
    "200 with an error": (HttpReply({"error": {"message": "overloaded"}}), "provider"),
    "200 with an error in words": (HttpReply({"error": "model is loading"}), "provider"),
    "OpenRouter 429 in 200": (HttpReply({"error": {"code": 429, "message": "slow down"}}), "provider"),
    "OpenRouter 402 in 200": (HttpReply({"error": {"code": 402, "message": "no credits"}}), "configuration"),
    "OpenRouter 401 in 200": (HttpReply({"error": {"code": "401", "message": "no key"}}), "configuration"),
    "200 with a filtered prompt": (HttpReply({"error": {"code": "content_filter", "message": "no"}}), "batch"),
    "200 with too long a prompt": (HttpReply({"error": {"code": "context_length_exceeded"}, "choices": []}), "batch"),
    "OpenRouter moderation": (
        HttpReply({"error": {"code": 403, "message": "no", "metadata": {"flagged_input": "my diary"}}}, 403),
        "batch",
    ),
    "Groq 413": (
        HttpReply(
            {
                "error": {
                    "message": "Request too large for model on tokens per minute (TPM): Limit 6000, Requested 8000",
                    "type": "tokens",
                    "code": "rate_limit_exceeded",
                }
            },
            413,
        ),
        "configuration",
    ),
    "Groq 498": (error(498, "capacity_exceeded", "flex tier"), "provider"),
    "Groq no JSON": (error(400, "json_validate_failed", "Failed to generate JSON. my diary"), "batch"),
    "a proxy's 413": (Page(status=413), "batch"),
    "OpenAI max_tokens": (
        error(
            400, "unsupported_parameter", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        ),
        "configuration",
    ),
    "OpenAI temperature": (
        error(400, "unsupported_value", "Unsupported value: 'temperature' does not support 0.1 with this model."),
        "configuration",
    ),
    "an unknown argument": (
        error(400, "invalid_request_error", "Unrecognized request argument supplied: store"),
        "configuration",
    ),
    "Mistral's unknown field": (
        HttpReply({"detail": [{"type": "extra_forbidden", "loc": ["body", "n"], "msg": "Extra inputs"}]}, 422),
        "configuration",
    ),
    "Azure no such deployment": (
        error(404, "DeploymentNotFound", "The API deployment does not exist"),
        "configuration",
    ),
    "Azure another operation": (error(400, "OperationNotSupported", "chatCompletion does not work"), "configuration"),
    "Azure content filter": (error(400, "content_filter", "the prompt triggered: my diary"), "batch"),
    "Ollama no such model": (
        HttpReply({"error": {"message": 'model "x" not found, try pulling it first', "type": "api_error"}}, 404),
        "configuration",
    ),
    "vLLM too long": (
        HttpReply({"object": "error", "message": "the maximum context length is 4096 tokens", "code": 400}, 400),
        "batch",
    ),
    "vLLM no such model": (
        HttpReply({"object": "error", "message": "The model `x` does not exist.", "code": 404}, 404),
        "configuration",
    ),
    "a wrong path": (Page(status=405), "configuration"),
    "a proxy that wants a password": (Page(status=407), "configuration"),
    "Anthropic is overloaded": (error(529, "overloaded_error", "Overloaded"), "provider"),
    "a page of a proxy": (Page(), "provider"),
    "no choices": (HttpReply({"choices": []}), "batch"),
    "no message": (HttpReply({"choices": [{}]}), "batch"),
    "a list": (HttpReply([]), "provider"),  # type: ignore[arg-type]  # what no endpoint should send
}
