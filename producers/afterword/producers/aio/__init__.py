"""The asynchronous client and its parts: what does I/O is written twice, all else is shared."""
