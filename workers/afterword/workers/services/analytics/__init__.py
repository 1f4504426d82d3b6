"""Analytics: figures of usage, kept and asked for."""
