"""Memories: excerpts, importance, topics, and the books that are kept of them."""
