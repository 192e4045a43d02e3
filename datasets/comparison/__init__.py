"""What differs between two versions: schema, profile, rows. Pure: no Django."""

from datasets.comparison.profiles import compare_profiles
from datasets.comparison.rows import RowChanges, Side, compare_rows
from datasets.comparison.schemas import SchemaChanges, compare_schemas

__all__ = [
    "RowChanges",
    "SchemaChanges",
    "Side",
    "compare_profiles",
    "compare_rows",
    "compare_schemas",
]
