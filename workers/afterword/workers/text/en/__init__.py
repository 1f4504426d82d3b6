"""English: its words, as data."""
