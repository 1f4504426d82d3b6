"""An LLM that takes its time: `python -m ops.bench.llm PORT SECONDS`.

One event loop serves every call at once: 64 calls a second would cost a server with a thread for each a good part of
a core, which the worker that is measured needs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from afterword.schemas import Scope
from afterword.workers.embedded.authored import new_messages
from afterword.workers.embedded.completions import CHAT, Messages, completion

MODEL = "bench"
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"
_MOST = 2**24


def answer(prompt: Messages) -> str:
    """A new message as a fact of each scope, for a prompt that knows scopes; one fact for a plain prompt of mem0."""
    messages = new_messages(prompt)
    if not messages:
        return _memory([{"text": _first_words(prompt), "attributed_to": "user"}])
    return _memory(
        [
            {
                "text": str(message.get("content")),
                "scope": scope.value,
                "attributed_to": "user",
                "source": message.get("n"),
            }
            for scope, message in zip(Scope, messages, strict=False)
        ]
    )


def _memory(facts: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"memory": [{"id": str(number), **fact} for number, fact in enumerate(facts)]})


def _first_words(prompt: Messages) -> str:
    """The first line of mem0's section of new messages."""
    said = str(prompt[-1].get("content", ""))
    return said.rpartition("## New Messages\n")[2].strip().partition("\n")[0]


class SlowLlm:
    """Serves chat completions on a loopback port, each after `seconds`; a GET is answered at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def serve(self, port: int) -> None:
        """Serve until the process ends."""
        server = await asyncio.start_server(self._handle, "127.0.0.1", port, limit=_MOST, backlog=1024)
        await server.serve_forever()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            body = json.dumps(await self._reply(reader)).encode()
            writer.write(_HEAD.format(len(body)).encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the caller has gone
        finally:
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader) -> Mapping[str, Any]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if not head.startswith(f"post {CHAT}"):
            return {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        length = next(line for line in head.splitlines() if line.startswith("content-length:"))
        body = json.loads(await reader.readexactly(int(length.partition(":")[2])))
        await asyncio.sleep(self._seconds)
        return completion(answer(body["messages"]), model=MODEL, messages=body["messages"]).body


if __name__ == "__main__":
    asyncio.run(SlowLlm(float(sys.argv[2])).serve(int(sys.argv[1])))
