"""Recall measured: long conversations, questions whose evidence is marked by turn, and what is found of it."""
