"""What was taken in: conversations, their transcripts, and the turns that sessions have seen."""
