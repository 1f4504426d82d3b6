"""Observing: metrics, one registry a process, and the stopwatch."""
