"""The HTTP door: callers publish conversations and ask for memories, and who they are is bound before anything reaches
Redis. It holds no data and reaches no store.
"""
