"""Governance: whose memory it is, and how long it is kept. A person is erased everywhere, and a receipt says so."""
