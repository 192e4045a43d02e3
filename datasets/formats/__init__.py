"""Reading uploaded files: CSV and Parquet, in batches of bounded size, refused with reasons."""

from datasets.formats.detection import open_source
from datasets.formats.limits import Limits
from datasets.formats.source import Source, SourceNote

__all__ = ["Limits", "Source", "SourceNote", "open_source"]
