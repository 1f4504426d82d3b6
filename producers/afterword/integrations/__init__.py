"""Memory for agent frameworks, one module each. Each needs the SDK and its framework, nothing of the workers.

None makes an agent fail: where no memories can be had, the agent goes on without.
"""
