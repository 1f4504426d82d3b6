"""The question: read, embedded, and the scale of its similarities."""
