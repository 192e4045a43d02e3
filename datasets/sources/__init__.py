"""Where rows come from: readers of files, objects, web addresses and warehouses.

A reader brings what is new into a scratch folder as files; everything after that (formats, types,
watermark, the lake) is the same for all. Readers are named in ``settings.SOURCE_READERS``, so that rooms
above can add theirs.
"""

from datasets.sources.asking import (
    Fetched,
    FetchedFile,
    Item,
    SettingField,
    SourceReader,
    SourceRequest,
    Watermark,
)
from datasets.sources.registry import checked_terms, reader_of
from datasets.sources.rows import SourceRows, open_rows

__all__ = [
    "Fetched",
    "FetchedFile",
    "Item",
    "SettingField",
    "SourceReader",
    "SourceRequest",
    "SourceRows",
    "Watermark",
    "checked_terms",
    "open_rows",
    "reader_of",
]
