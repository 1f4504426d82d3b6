"""The ledger: what happened, and what is still to do, in PostgreSQL. One module a noun."""
