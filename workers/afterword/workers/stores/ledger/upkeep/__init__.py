"""What keeps the house in order: dead letters, dated work and who does it, and what waits."""
