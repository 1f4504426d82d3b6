"""The rows of the operations board: a module for each noun, and the board itself."""
