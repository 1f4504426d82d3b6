"""The question: its terms, its time, its vector."""
