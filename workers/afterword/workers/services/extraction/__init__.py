"""Extraction: from the conversations of a subject to its facts, with one LLM call a batch."""
