"""Recall: from a question to the memories that belong in the prompt."""
