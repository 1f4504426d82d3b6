"""The vector store: a port, two adapters, and the owner-bound views that everything else goes through."""
