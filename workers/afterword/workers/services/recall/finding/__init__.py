"""Finding: from a question to the ranked memories that may answer it."""
