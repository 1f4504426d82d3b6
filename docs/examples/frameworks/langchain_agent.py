"""An agent of LangChain with a memory: `python langchain_agent.py maya "A snack for the flight?"`

Needs `pip install 'afterword[langchain]' langchain-openai`, OPENAI_API_KEY and AFTERWORD_REDIS_URL.
"""

import os
import sys
from uuid import uuid4

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model

from afterword.integrations.langchain import MemoryMiddleware


def planner(model):
    """The agent. Its middleware is all that memory needs."""
    return create_agent(
        model,
        system_prompt="You are a travel planner. Answer in two sentences.",
        middleware=[MemoryMiddleware(agent_id="travel-planner")],
    )


def answer(agent, user_id, question):
    """One run, in a thread of its own."""
    config = {"configurable": {"user_id": user_id, "thread_id": str(uuid4())}}
    return agent.invoke({"messages": [{"role": "user", "content": question}]}, config)["messages"][-1].text


if __name__ == "__main__":
    print(answer(planner(init_chat_model(os.environ.get("MODEL", "openai:gpt-5-mini"))), *sys.argv[1:3]))
