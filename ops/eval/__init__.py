"""The facts that one call extracts, against expected facts, beside mem0's plain `add`: `make eval-extraction`."""
