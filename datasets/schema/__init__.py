"""The columns of a dataset: names, logical types, roles, and how text becomes typed values."""

from datasets.schema.arrow import normalise_batch, schema_from_arrow
from datasets.schema.columns import Column, ColumnType, Role, Schema
from datasets.schema.conversion import typed_array
from datasets.schema.inference import ColumnGuess
from datasets.schema.names import check_names

__all__ = [
    "Column",
    "ColumnGuess",
    "ColumnType",
    "Role",
    "Schema",
    "check_names",
    "normalise_batch",
    "schema_from_arrow",
    "typed_array",
]
