"""Commands: memories managed by those who own them."""
