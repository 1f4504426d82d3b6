"""One conversation is published, and a later one is reminded of it.

Needs AFTERWORD_REDIS_URL, as `afterword up` prints it.
"""

import time

from afterword.producers import MemoryClient

client = MemoryClient.from_env()
client.publish(user_id="maya", session_id="mon", messages=[{"role": "user", "content": "I'm allergic to peanuts."}])
time.sleep(1)  # the agent goes on; meanwhile the workers take the conversation in
context = client.context("maya", session_id="fri", query="A snack for the flight, without peanuts?")
print(context.inject("You are a travel planner."))
