"""One answer of the OpenAI SDK with a memory: `python openai_chat.py maya "A snack for the flight?"`

Needs `pip install 'afterword[openai]'`, OPENAI_API_KEY and AFTERWORD_REDIS_URL.
"""

import os
import sys
from uuid import uuid4

from openai import OpenAI

from afterword.integrations.openai import remembering
from afterword.producers import MemoryClient

MODEL = os.environ.get("MODEL", "gpt-5-mini")


def answer(llm, memory, user_id, question):
    """One answer. The second line is all that memory needs."""
    messages = [{"role": "user", "content": question}]
    llm = remembering(llm, memory, user_id=user_id, session_id=str(uuid4()), agent_id="travel-planner")
    return llm.chat.completions.create(model=MODEL, messages=messages).choices[0].message.content


if __name__ == "__main__":
    with MemoryClient.from_env() as memory:
        print(answer(OpenAI(), memory, *sys.argv[1:3]))
