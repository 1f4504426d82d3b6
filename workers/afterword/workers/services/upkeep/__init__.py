"""Upkeep: sweeps, readings, dead letters, and the scheduler that leads them."""
