"""The canonical API, `/api/v1`: a module for each noun."""
