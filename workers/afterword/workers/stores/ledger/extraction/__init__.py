"""Extraction in the ledger: subjects and claims, progress of conversations, the journal, the breaker, LLM calls."""
