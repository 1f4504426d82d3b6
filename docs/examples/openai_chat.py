"""A chat in the terminal that remembers: `python openai_chat.py maya`, a line for each message, Ctrl-D to end.

Needs `pip install afterword openai`, OPENAI_API_KEY (OPENAI_BASE_URL for another endpoint) and AFTERWORD_REDIS_URL.
"""

import os
import sys
from uuid import uuid4

from openai import OpenAI

from afterword.producers import MemoryClient

MODEL = os.environ.get("MODEL", "gpt-5-mini")
SYSTEM_PROMPT = "You are a travel planner. Answer in two sentences."
WINDOW = 20
"""Messages of this conversation that the model sees again; what is older comes back as memories."""


def chat(user_id: str) -> None:
    """Answer each line of standard input."""
    llm, session_id = OpenAI(), str(uuid4())
    history: list[dict[str, str]] = []
    with MemoryClient.from_env() as memory:
        for line in sys.stdin:
            history.append({"role": "user", "content": line.strip()})
            with memory.remembered(
                user_id=user_id,
                agent_id="travel-planner",
                session_id=session_id,
                messages=history[-WINDOW:],
                system_prompt=SYSTEM_PROMPT,
            ) as run:
                completion = llm.chat.completions.create(model=MODEL, messages=run.messages)
                answer = completion.choices[0].message.content or ""
                run.said(answer)
            history.append({"role": "assistant", "content": answer})
            print(answer, flush=True)


if __name__ == "__main__":
    chat(sys.argv[1] if len(sys.argv) > 1 else "maya")
