"""Labelled production rows as Arrow tables, in the types of the training data."""

from monitoring.labelled_rows.tables import UnusableRowsError, extended_table, labelled_table

__all__ = ["UnusableRowsError", "extended_table", "labelled_table"]
