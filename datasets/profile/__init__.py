"""What a dataset version looks like, column by column, as finite JSON."""

from datasets.profile.columns import ColumnProfile, profile_column
from datasets.profile.roles import role_of
from datasets.profile.stream import TableStream
from datasets.profile.table import ProfileNote, TableProfile, profile_table

__all__ = [
    "ColumnProfile",
    "ProfileNote",
    "TableProfile",
    "TableStream",
    "profile_column",
    "profile_table",
    "role_of",
]
