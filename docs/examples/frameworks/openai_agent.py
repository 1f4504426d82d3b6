"""An agent of the OpenAI Agents SDK with a memory: `python openai_agent.py maya "A snack for the flight?"`

Needs `pip install 'afterword[openai-agents]'`, OPENAI_API_KEY and AFTERWORD_REDIS_URL.
"""

import asyncio
import os
import sys
from uuid import uuid4

from agents import Agent, RunConfig, Runner, SQLiteSession

from afterword.integrations.openai_agents import ThreadMemory
from afterword.producers import AsyncMemoryClient


def planner(model):
    """The agent. Memory needs nothing of it."""
    return Agent("planner", instructions="You are a travel planner. Answer in two sentences.", model=model)


async def answer(agent, memory, user_id, question):
    """One run, in a thread of its own."""
    thread_id = str(uuid4())
    thread = ThreadMemory(memory, user_id=user_id, session_id=thread_id, agent_id="travel-planner")
    result = await Runner.run(
        agent,
        question,
        session=thread.session(SQLiteSession(thread_id)),
        run_config=RunConfig(call_model_input_filter=thread.inject),
    )
    return result.final_output


async def main(user_id, question):
    async with AsyncMemoryClient.from_env() as memory:
        print(await answer(planner(os.environ.get("MODEL", "gpt-5-mini")), memory, user_id, question))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
