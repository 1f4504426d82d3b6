"""An agent of Pydantic AI with a memory: `python pydantic_ai_agent.py maya "A snack for the flight?"`

Needs `pip install 'afterword[pydantic-ai]' 'pydantic-ai-slim[openai]'`, OPENAI_API_KEY and AFTERWORD_REDIS_URL.
"""

import os
import sys
from dataclasses import dataclass

from pydantic_ai import Agent

from afterword.integrations.pydantic_ai import MemoryCapability


@dataclass
class Deps:
    user_id: str


def planner(model):
    """The agent. Its capability is all that memory needs."""
    return Agent(
        model,
        deps_type=Deps,
        instructions="You are a travel planner. Answer in two sentences.",
        capabilities=[MemoryCapability(agent_id="travel-planner")],
    )


def answer(agent, user_id, question):
    """One run, in a conversation of its own."""
    return agent.run_sync(question, deps=Deps(user_id=user_id)).output


if __name__ == "__main__":
    print(answer(planner(os.environ.get("MODEL", "openai:gpt-5-mini")), *sys.argv[1:3]))
