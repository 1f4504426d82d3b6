"""Chinese: its words, as data."""
