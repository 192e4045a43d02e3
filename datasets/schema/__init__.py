"""The columns of a dataset: names, logical types, roles, and which values they may hold.

What reads, converts or checks whole Arrow arrays is imported from its own module (``arrow``, ``arrays``,
``conversion``, ``enforcement``, ``inference``), so that whoever only describes columns loads no library for it.
"""

from datasets.schema.coercion import NotAValue, coerce
from datasets.schema.columns import Column, ColumnType, Role, Schema
from datasets.schema.declaration import declared_schema
from datasets.schema.limits import ValueLimits
from datasets.schema.names import check_names

__all__ = [
    "Column",
    "ColumnType",
    "NotAValue",
    "Role",
    "Schema",
    "ValueLimits",
    "check_names",
    "coerce",
    "declared_schema",
]
