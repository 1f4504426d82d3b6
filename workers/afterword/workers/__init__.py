"""The workers of Afterword: actors, the services behind them, and the stores behind those."""
