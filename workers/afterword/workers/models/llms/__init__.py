"""LLMs: one prompt in, one answer with its token counts out."""
