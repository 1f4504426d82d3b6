"""Analytics in the ledger: statistics by day, their rollups, snapshots, and the figures read from them."""
