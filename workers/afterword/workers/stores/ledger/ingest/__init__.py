"""Ingest in the ledger: conversations, their excerpts and transcripts, and the turns that sessions have seen."""
