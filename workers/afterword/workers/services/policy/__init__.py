"""Policy: who may do what with whose memories."""
