"""Tokenizers: how many tokens of a model a text takes."""
