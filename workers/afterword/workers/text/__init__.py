"""Text as it is analysed: language, lexical terms, tokens. Pure functions."""
