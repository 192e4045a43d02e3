"""The REST transport of the datasets room."""
