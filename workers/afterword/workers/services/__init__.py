"""The work of Afterword, one module a task. Services know the stores and the models; actors hand them messages."""
