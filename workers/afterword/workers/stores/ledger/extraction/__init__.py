"""What is to be extracted, who works on it, and how far it has come."""
