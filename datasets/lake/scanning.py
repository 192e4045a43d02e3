"""Pinned rows for engines that read by themselves only what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datasets.errors import LakeCorrupt
from datasets.lake.tables import open_table

if TYPE_CHECKING:
    import pyarrow.dataset as pads


def pinned_rows(path: str, delta_version: int) -> pads.Dataset:
    """Return a pinned Delta version as an Arrow dataset, its column ``__row__`` (from 0) included.

    Raises
    ------
    LakeCorrupt
        The table, or this version of it, is gone.
    """
    table = open_table(path, version=delta_version)
    if table is None:
        raise LakeCorrupt("The table of the dataset is gone.")
    return table.to_pyarrow_dataset()
