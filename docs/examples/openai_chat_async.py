"""One answer of an agent on an event loop, streamed, with tools: `python openai_chat_async.py maya "Is it warm there?"`

Needs `pip install afterword openai`, OPENAI_API_KEY (OPENAI_BASE_URL for another endpoint) and AFTERWORD_REDIS_URL.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from openai import AsyncOpenAI

from afterword.producers import AsyncMemoryClient

MODEL = os.environ.get("MODEL", "gpt-5-mini")
SYSTEM_PROMPT = "You are a travel planner. Use the tools you have."


def temperature(city: str) -> str:
    """Stands for a real weather service."""
    return f"17 degrees in {city}"


TOOLS = {"temperature": temperature}
DESCRIPTIONS = [
    {
        "type": "function",
        "function": {
            "name": "temperature",
            "description": "How warm it is in a city now.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


async def answer(llm: AsyncOpenAI, messages: list[dict[str, Any]]) -> AsyncIterator[str]:
    """The model's answer in pieces. Tools it asks for are run in between, and their results go into `messages`."""
    while True:
        calls: dict[int, dict[str, Any]] = {}
        stream = await llm.chat.completions.create(model=MODEL, messages=messages, tools=DESCRIPTIONS, stream=True)
        async for chunk in stream:
            for choice in chunk.choices:
                if choice.delta.content:
                    yield choice.delta.content
                for piece in choice.delta.tool_calls or ():
                    collect(calls, piece)
        if not calls:
            return
        messages.append({"role": "assistant", "content": None, "tool_calls": list(calls.values())})
        messages.extend(result(call) for call in calls.values())


def collect(calls: dict[int, dict[str, Any]], piece: Any) -> None:
    """A tool call comes in pieces: its id and name first, then its arguments bit by bit."""
    empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
    call = calls.setdefault(piece.index, empty)
    call["id"] += piece.id or ""
    call["function"]["name"] += piece.function.name or ""
    call["function"]["arguments"] += piece.function.arguments or ""


def result(call: dict[str, Any]) -> dict[str, Any]:
    """The message that tells the model what a tool gave."""
    asked = call["function"]
    given = TOOLS[asked["name"]](**json.loads(asked["arguments"]))
    return {"role": "tool", "tool_call_id": call["id"], "content": given}


async def main(user_id: str, question: str) -> None:
    """Answer one question and publish what was said: the user's words and the assistant's, without the tools'."""
    async with (
        AsyncMemoryClient.from_env() as memory,
        memory.remembered(
            user_id=user_id,
            agent_id="travel-planner",
            session_id=str(uuid4()),
            messages=[{"role": "user", "content": question}],
            system_prompt=SYSTEM_PROMPT,
        ) as run,
    ):
        async for piece in run.stream(answer(AsyncOpenAI(), run.messages)):
            print(piece, end="", flush=True)
    print()


if __name__ == "__main__":
    asyncio.run(main(*(sys.argv[1:] or ["maya", "How warm is it where I live?"])))
