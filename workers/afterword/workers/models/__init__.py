"""The models that Afterword calls: embedders and LLMs, each behind one small port."""
