"""An agent of Google's ADK with a memory: `python google_adk_agent.py maya "A snack for the flight?"`

Needs `pip install 'afterword[google-adk]'`, GOOGLE_API_KEY and AFTERWORD_REDIS_URL.
"""

import asyncio
import os
import sys
from uuid import uuid4

from google.adk.agents import LlmAgent
from google.adk.apps import App
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.tools.preload_memory_tool import PreloadMemoryTool
from google.genai import types

from afterword.integrations.google_adk import AfterwordMemoryService, AfterwordPlugin


async def answer(model, user_id, question):
    """One run, in a session of its own."""
    agent = LlmAgent(name="guide", model=model, instruction="You plan travels.", tools=[PreloadMemoryTool()])
    runner = Runner(
        app=App(name="travel_planner", root_agent=agent, plugins=[AfterwordPlugin()]),
        session_service=InMemorySessionService(),
        memory_service=AfterwordMemoryService(),
        auto_create_session=True,
    )
    asked = types.Content(role="user", parts=[types.Part(text=question)])
    run = runner.run_async(user_id=user_id, session_id=str(uuid4()), new_message=asked)
    events = [event async for event in run]
    return events[-1].content.parts[0].text


if __name__ == "__main__":
    print(asyncio.run(answer(os.environ.get("MODEL", "gemini-2.5-flash"), *sys.argv[1:3])))
