"""Governance: whose memory it is, and how long it is kept."""
