"""An agent on Claude Agent SDK with a memory: `python claude_agent.py maya "A snack for the flight?"`

Needs `pip install 'afterword[claude-agent-sdk]'`, ANTHROPIC_API_KEY and AFTERWORD_REDIS_URL.
"""

import asyncio
import sys

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, ResultMessage

from afterword.integrations.claude_agent_sdk import memory_hooks


async def answer(user_id, question, transport=None):
    """One turn, in a session of its own. `transport` stands for the command line in tests."""
    options = ClaudeAgentOptions(
        system_prompt="You are a travel planner. Answer in two sentences.",
        hooks=memory_hooks(user_id=user_id, agent_id="travel-planner"),
    )
    async with ClaudeSDKClient(options, transport=transport) as claude:
        await claude.query(question)
        messages = [message async for message in claude.receive_response()]
    return next(message.result for message in messages if isinstance(message, ResultMessage))


if __name__ == "__main__":
    print(asyncio.run(answer(*sys.argv[1:3])))
