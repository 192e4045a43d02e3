"""Phases 1 and 8: datasets, their versions, schema, the lake, ingestion and profiles."""
