"""Ranking: evidence weighed, memories ordered and chosen. Pure."""
