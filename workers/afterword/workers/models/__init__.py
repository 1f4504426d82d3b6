"""The models that Afterword calls, embedders and LLMs, and their tokenizers, each behind one small port."""
