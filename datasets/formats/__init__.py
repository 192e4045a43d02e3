"""Reading uploaded files, in batches of bounded size, refused with reasons."""

from datasets.formats.detection import open_source
from datasets.formats.limits import Limits
from datasets.formats.source import ReadProgress, SchemaRefuted, Source, SourceNote

__all__ = ["Limits", "ReadProgress", "SchemaRefuted", "Source", "SourceNote", "open_source"]
