"""Reading rows of versions for people: pages, stretches of batches, sources of tables."""

from datasets.exploration.rows import RowPage, page_rows, rows_by_number
from datasets.exploration.sources import engine_limits, source_of

__all__ = ["RowPage", "engine_limits", "page_rows", "rows_by_number", "source_of"]
