"""Where things are kept: the ledger (PostgreSQL) and the vectors (Qdrant)."""
