"""The columns of a dataset: names, logical types, roles, and how text becomes typed values."""

from datasets.schema.arrow import normalise_batch, schema_from_arrow
from datasets.schema.coercion import NotAValue, coerce, coerce_array
from datasets.schema.columns import Column, ColumnType, Role, Schema
from datasets.schema.conversion import typed_array, unreadable
from datasets.schema.declaration import declared_schema
from datasets.schema.enforcement import Violation, enforced, violations, violations_refused
from datasets.schema.inference import ColumnGuess
from datasets.schema.limits import ValueLimits
from datasets.schema.names import check_names

__all__ = [
    "Column",
    "ColumnGuess",
    "ColumnType",
    "NotAValue",
    "Role",
    "Schema",
    "ValueLimits",
    "Violation",
    "check_names",
    "coerce",
    "coerce_array",
    "declared_schema",
    "enforced",
    "normalise_batch",
    "schema_from_arrow",
    "typed_array",
    "unreadable",
    "violations",
    "violations_refused",
]
