"""DuckDB over pinned versions: connections within limits, rows as tables, text that is quoted.

Pure: no Django, and nothing heavy at import.
"""
