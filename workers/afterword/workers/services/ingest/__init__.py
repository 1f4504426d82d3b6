"""Ingest: from an event to a conversation, its excerpts, and a subject that is due."""
