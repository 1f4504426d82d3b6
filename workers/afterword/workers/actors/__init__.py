"""Dramatiq actors, one module a queue. Thin: decode, call a service, answer."""
