"""Labelled production rows: which are new, which train the challenger, which test it."""

from monitoring.labelled_rows import UnusableRowsError, extended_table, labelled_table
from retraining.labelled_rows.splitting import LabelledRows, fresh_rows, split_by_arrival

__all__ = [
    "LabelledRows",
    "UnusableRowsError",
    "extended_table",
    "fresh_rows",
    "labelled_table",
    "split_by_arrival",
]
