"""Upkeep in the ledger: dead letters, dated work and who leads it, and how much waits."""
