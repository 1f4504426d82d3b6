"""An agent of LlamaIndex with a memory: `python llama_index_agent.py maya "A snack for the flight?"`

Needs `pip install 'afterword[llama-index]' llama-index-llms-openai`, OPENAI_API_KEY and AFTERWORD_REDIS_URL.
"""

import asyncio
import os
import sys

from llama_index.core.agent.workflow import FunctionAgent

from afterword.integrations.llama_index import AfterwordMemory, AfterwordMemoryBlock


async def answer(llm, user_id, question):
    """One run, in a session of its own."""
    agent = FunctionAgent(llm=llm, system_prompt="You are a travel planner. Answer in two sentences.")
    block = AfterwordMemoryBlock(user_id=user_id, agent_id="travel-planner")
    memory = AfterwordMemory.from_defaults(memory_blocks=[block])
    return str(await agent.run(question, memory=memory))


if __name__ == "__main__":
    from llama_index.llms.openai import OpenAI

    print(asyncio.run(answer(OpenAI(os.environ.get("MODEL", "gpt-5-mini")), *sys.argv[1:3])))
