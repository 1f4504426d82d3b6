"""What Afterword does, one module a task. Services know the stores and the models, never the queues."""
