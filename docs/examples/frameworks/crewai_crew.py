"""A crew of CrewAI with a memory: `python crewai_crew.py maya "A snack for the flight?"`

Needs `pip install 'afterword[crewai]'`, OPENAI_API_KEY and AFTERWORD_REDIS_URL.
"""

import os
import sys

from crewai import Agent, Crew, Task
from crewai.memory.external.external_memory import ExternalMemory

from afterword.integrations.crewai import AfterwordStorage


def answer(llm, user_id, question):
    """One run of a crew of one."""
    planner = Agent(role="Travel planner", goal="Plan travels", backstory="Knows the world.", llm=llm)
    task = Task(description=f"Answer in two sentences: {question}", expected_output="Two sentences", agent=planner)
    memory = ExternalMemory(storage=AfterwordStorage(user_id=user_id, agent_id="travel-planner"))
    return Crew(agents=[planner], tasks=[task], external_memory=memory).kickoff().raw


if __name__ == "__main__":
    print(answer(os.environ.get("MODEL", "openai/gpt-5-mini"), *sys.argv[1:3]))
