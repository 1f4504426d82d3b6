"""Governance: whose memory it is. A person is erased everywhere, a scan proves it, and a receipt says so."""
