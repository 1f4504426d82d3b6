"""Publishing and asking by hand, for an agent that is built differently.

Needs AFTERWORD_REDIS_URL, as `afterword up` prints it.
"""

import time

from afterword.producers import MemoryClient

CONVERSATION = [
    {"role": "user", "content": "Noor is my daughter. She starts school in Ghent in September."},
    {"role": "assistant", "content": "Congratulations! Shall I look for flats near her school?"},
    {"role": "user", "content": "Yes, with two bedrooms, and not on the ground floor."},
]

with MemoryClient.from_env() as client:
    # After a run. An id of your own makes it safe to publish again: the first event of an id wins.
    event_id = client.publish(
        event_id="run-2041",
        user_id="iris",
        agent_id="flat-finder",
        session_id="thread-12",
        messages=CONVERSATION,
        metadata={"channel": "web"},
    )
    print(f"published {event_id}; the outbox holds {client.stats.queued}")
    time.sleep(1)

    # Before another run, in another session.
    context = client.context(
        "iris",
        agent_id="flat-finder",
        session_id="thread-13",
        query="How many bedrooms did I want in Ghent?",
        limit=6,
        token_budget=400,
    )
    print(context.inject("You help people find flats."))
    print(f"missing: {', '.join(context.degraded) or 'nothing'}")
    for memory in context.memories:
        print(f"{memory.score:.2f} {memory.kind} of {memory.role}: {memory.text}")
