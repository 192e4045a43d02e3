"""Reading files of any supported format, in batches of bounded size; refused, or put aside, with reasons."""

from datasets.formats.allowed_rows import allowed_rows
from datasets.formats.bad_rows import BadRow, Quarantine
from datasets.formats.detection import open_source
from datasets.formats.limits import Limits
from datasets.formats.options import ON_BAD_ROWS, PUT_ASIDE, REFUSE, USUAL_BAD_SHARE, ReadOptions
from datasets.formats.source import ReadProgress, SchemaRefuted, Source, SourceNote

__all__ = [
    "ON_BAD_ROWS",
    "PUT_ASIDE",
    "REFUSE",
    "USUAL_BAD_SHARE",
    "BadRow",
    "Limits",
    "Quarantine",
    "ReadOptions",
    "ReadProgress",
    "SchemaRefuted",
    "Source",
    "SourceNote",
    "allowed_rows",
    "open_source",
]
