"""Finding: from a question to the memories that may answer it."""
