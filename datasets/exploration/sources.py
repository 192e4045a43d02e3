"""Where the rows of a version lie, for the engine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from datasets import lake
from datasets.engine.tables import EngineLimits, TableSource
from datasets.errors import LakeCorrupt, VersionNotReady
from datasets.models import DatasetVersion
from datasets.schema import Schema


def source_of(version: DatasetVersion, *, with_row_number: bool = False) -> TableSource:
    """Return where the rows of a version lie, and which columns can be seen.

    Parameters
    ----------
    with_row_number
        Whether the number of the row (``lake.ROW_COLUMN``) is among them, as the first.

    Raises
    ------
    VersionNotReady
        It has no rows (yet).
    LakeCorrupt
        Its table cannot be opened.
    """
    if not version.has_rows or version.delta_version is None:
        raise VersionNotReady(f"{version} is {version.status}; it has no rows to read.")
    path = lake.dataset_path(version.dataset)
    if lake.open_table(path, version=version.delta_version) is None:
        raise LakeCorrupt("The table of the dataset is gone.")
    names = Schema.from_dict(version.schema).names
    columns = (lake.ROW_COLUMN, *names) if with_row_number else names
    source = TableSource(path, version.delta_version, columns, store=lake.storage_options(path))
    return source.with_files()


@contextmanager
def engine_limits(*, memory_bytes: int | None = None) -> Iterator[EngineLimits]:
    """Give the limits of work within a web process; what is spilled is removed in the end."""
    root = Path(settings.SCRATCH_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rows-", dir=root, ignore_cleanup_errors=True) as spill:
        yield EngineLimits(
            memory_bytes=memory_bytes or settings.ROWS_MEMORY_BYTES,
            spill_folder=spill,
            spill_bytes=settings.ROWS_SPILL_BYTES,
        )
