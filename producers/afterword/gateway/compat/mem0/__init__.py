"""mem0's hosted API, so that `mem0.MemoryClient(api_key=KEY, host=GATEWAY)` works as it is."""
