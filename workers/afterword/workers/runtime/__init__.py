"""Runtime: one process that plays one role."""
