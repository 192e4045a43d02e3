"""Labelled production rows: which are new, which train the challenger, which test it."""

from retraining.labelled_rows.splitting import LabelledRows, fresh_rows, split_by_arrival
from retraining.labelled_rows.tables import UnusableRowsError, extended_table, labelled_table

__all__ = [
    "LabelledRows",
    "UnusableRowsError",
    "extended_table",
    "fresh_rows",
    "labelled_table",
    "split_by_arrival",
]
