"""What is counted: statistics by day, their rollups, and snapshots; and the figures read from them."""
