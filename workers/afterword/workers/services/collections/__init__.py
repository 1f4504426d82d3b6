"""Collections: discovered, adopted, embedded anew."""
