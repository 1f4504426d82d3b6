"""Embeddings over HTTP that take their time: `python -m ops.bench.embeddings PORT SECONDS`.

The vectors are those of the embedder that hashes, each request is answered after so many seconds. One event loop serves
all, and connections stay open. A GET is answered at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from afterword.workers.models.embedders.hashing import HashingEmbedder

MODEL = "hashing"
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


def answer(body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of OpenAI's API, with vectors as lists of numbers, whatever form is asked for."""
    vectors = _embedder(int(body.get("dimensions") or 512)).embed(body["input"])
    items = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    return {"object": "list", "model": MODEL, "data": items, "usage": {"prompt_tokens": 0, "total_tokens": 0}}


@cache
def _embedder(dimensions: int) -> HashingEmbedder:
    return HashingEmbedder(dimensions)


async def _handle(seconds: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
            lengths = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
            body = await reader.readexactly(int(lengths[0].partition(":")[2])) if lengths else b""
            content = json.dumps(answer(json.loads(body)) if body else {}).encode()
            await asyncio.sleep(seconds if body else 0)
            writer.write(_HEAD.format(len(content)).encode() + content)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the caller has gone
    finally:
        writer.close()


async def _serve(port: int, seconds: float) -> None:
    server = await asyncio.start_server(partial(_handle, seconds), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
