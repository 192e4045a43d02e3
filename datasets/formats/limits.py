"""How much of a file is looked at, and how much is too much."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a file may make this process do.

    Parameters
    ----------
    header_bytes
        Longest header row.
    block_bytes
        Bytes parsed at once; a row that does not fit into two such blocks is refused.
    expanded_bytes
        Bytes of all values after decompression; counted while reading, not believed from the file.
    batch_rows
        Rows per Parquet batch.
    ragged_rows
        After so many rows that do not fit the header the reading stops.
    shared_bytes
        Bytes of those parts of a workbook that are held in memory (shared texts, styles).
    """

    header_bytes: int = 1 << 20
    block_bytes: int = 6 << 20
    expanded_bytes: int = 16 << 30
    batch_rows: int = 65_536
    ragged_rows: int = 20
    shared_bytes: int = 64 << 20
