"""The rows of dataset versions.

Each dataset is one Delta table, at ``LAKE_ROOT/datasets/<id>``; each dataset version pins one Delta
version of it. The first column of the table, ``__row__``, counts the rows of the version from 0: it
gives rows an order that no compaction and no parallel reader can disturb, makes "rows 500 to 600" a
look-up in file statistics, and is never handed out. Delta's log and files are kept for ever (no log
clean-up, no vacuum), because a pinned version must stay readable.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from datasets.errors import LakeCorrupt, VersionNotReady
from datasets.lake.feed import ROW_COLUMN
from datasets.lake.object_storage import is_object, remove_folder
from datasets.lake.scanning import file_name, scan
from datasets.lake.tables import open_table, table_path
from datasets.schema import Schema

if TYPE_CHECKING:
    import pyarrow.dataset as pads
    from deltalake import DeltaTable

    from datasets.models import Dataset, DatasetVersion

logger = logging.getLogger(__name__)

BATCH_ROWS = 65_536
_READ_AHEAD = 2
"""Batches that are decoded before they are asked for: few, because they may be large."""


def dataset_path(dataset: Dataset) -> str:
    """Return the address of a dataset's table."""
    return generation_path(dataset.pk, dataset.lake_generation)


def generation_path(dataset_id: int, generation: int) -> str:
    """Return the address of a dataset's table as it was written for the n-th time.

    Each erasure writes the table anew, beside the former one, which is then removed.
    """
    name = str(dataset_id) if generation == 0 else f"{dataset_id}-{generation}"
    return table_path("datasets", name)


def read_table(version: DatasetVersion, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a dataset version, in their order.

    Each column has the Arrow type of its logical type (``datasets.schema.ColumnType.arrow``).

    Parameters
    ----------
    version
        A version that is ready (or archived).
    columns
        Which columns, in this order; all, when absent.

    Raises
    ------
    VersionNotReady
        The version has no rows (yet).
    ColumnNotFound
        It has no column of that name.
    """
    schema = schema_of(version, columns)
    table = pa.Table.from_batches(list(iter_batches(version, columns)), schema=schema.to_arrow())
    if columns is None and table.num_rows != version.row_count:
        raise LakeCorrupt(
            f"{version} has {version.row_count} rows, but {table.num_rows} were found."
        )
    return table


def iter_batches(
    version: DatasetVersion,
    columns: Sequence[str] | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a dataset version in their order, at most ``batch_rows`` at once.

    Raises
    ------
    VersionNotReady, ColumnNotFound
        As :func:`read_table`.
    """
    schema = schema_of(version, columns)
    path, pinned = dataset_path(version.dataset), version.delta_version
    assert pinned is not None
    yield from iter_pinned(path, pinned, schema, batch_rows=batch_rows)


def read_pinned(path: str, delta_version: int, schema: Schema) -> pa.Table:
    """Return these columns of a pinned Delta version as one table, in row order."""
    return pa.Table.from_batches(
        list(iter_pinned(path, delta_version, schema)), schema=schema.to_arrow()
    )


def pinned_rows(path: str, delta_version: int) -> pads.Dataset:
    """Return a pinned Delta version as an Arrow dataset, its column ``__row__`` (from 0) included.

    It is for engines that read by themselves only what they need.

    Raises
    ------
    LakeCorrupt
        The table, or this version of it, is gone.
    """
    return scan(open_pinned(path, delta_version))


def iter_pinned(
    path: str, delta_version: int, schema: Schema, *, batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield these columns of a pinned Delta version in row order.

    The files of a table hold stretches of rows; they are read one after the other, ordered by the
    statistics of ``__row__``. Only when stretches overlap (a table that was rewritten by somebody
    else) are all rows read at once and sorted.
    """
    table = open_pinned(path, delta_version)
    dataset = scan(table)
    names = [ROW_COLUMN, *schema.names]
    target = schema.to_arrow()
    fragments = _fragments_in_order(table, dataset)
    if fragments is None:
        whole = dataset.to_table(columns=names).sort_by(ROW_COLUMN)
        yield from _typed(whole.to_batches(max_chunksize=batch_rows), target)
        return
    for fragment in fragments:
        yield from _typed(_in_row_order(fragment, dataset.schema, names, batch_rows), target)


def _in_row_order(
    fragment: Any, stored: pa.Schema, names: list[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one file by their number; compaction may have mixed them."""
    numbers = fragment.to_table(schema=stored, columns=[ROW_COLUMN])[ROW_COLUMN].to_numpy()
    if (numbers[1:] > numbers[:-1]).all():
        yield from fragment.to_batches(
            schema=stored, columns=names, batch_size=batch_rows, batch_readahead=_READ_AHEAD
        )
        return
    whole = fragment.to_table(schema=stored, columns=names).sort_by(ROW_COLUMN)
    yield from whole.to_batches(max_chunksize=batch_rows)


def _typed(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if batch.num_rows:
            yield batch.select(list(schema.names)).cast(schema)


def _fragments_in_order(table: DeltaTable, dataset: pads.Dataset) -> list[Any] | None:
    actions = pa.table(table.get_add_actions(flatten=True))
    low, high = f"min.{ROW_COLUMN}", f"max.{ROW_COLUMN}"
    fragments = {file_name(fragment.path): fragment for fragment in dataset.get_fragments()}
    if low not in actions.schema.names or actions[low].null_count or actions[high].null_count:
        return None
    files = sorted(
        zip(
            actions[low].to_pylist(),
            actions[high].to_pylist(),
            actions["path"].to_pylist(),
            strict=True,
        )
    )
    if any(after[0] <= before[1] for before, after in pairwise(files)):
        return None
    return [fragments[file_name(path)] for _, _, path in files]


def preview(version: DatasetVersion, *, offset: int, limit: int) -> pa.Table:
    """Return at most ``limit`` rows of a version, from row ``offset`` on, with all columns.

    Raises
    ------
    VersionNotReady
        The version has no rows (yet).
    """
    schema = schema_of(version, None)
    assert version.delta_version is not None
    table = open_pinned(dataset_path(version.dataset), version.delta_version)
    row = pc.field(ROW_COLUMN)
    found = scan(table).to_table(
        columns=[ROW_COLUMN, *schema.names], filter=(row >= offset) & (row < offset + limit)
    )
    return found.sort_by(ROW_COLUMN).select(list(schema.names)).cast(schema.to_arrow())


def pinned_size_bytes(path: str, delta_version: int) -> int:
    """Return how many bytes the files of a pinned version have together."""
    actions = pa.table(open_pinned(path, delta_version).get_add_actions(flatten=True))
    return int(pc.sum(actions["size_bytes"]).as_py() or 0)


def pinned_row_count(path: str, delta_version: int) -> int:
    """Return how many rows a pinned version has, from the log alone."""
    return int(open_pinned(path, delta_version).count())


def highest_value(path: str, delta_version: int, column: str, *, from_row: int = 0) -> Any:
    """Return the highest value of a column of a pinned version, from a row on; None when there is none.

    Text is compared by its code points, as the filters of this package do.
    """
    dataset = pinned_rows(path, delta_version)
    highest = None
    for batch in dataset.to_batches(columns=[column], filter=pc.field(ROW_COLUMN) >= from_row):
        found = pc.max(batch.column(0)).as_py()
        if found is not None and (highest is None or found > highest):
            highest = found
    return highest


def remove_dataset(dataset_id: int, *, generation: int = 0) -> None:
    """Delete the tables of a dataset that no longer has a row in the database.

    When object storage is away just then, a table stays behind; the log says which.
    """
    quarantine = table_path("quarantine", str(dataset_id))
    for path in (generation_path(dataset_id, generation), quarantine):
        try:
            remove_table(path)
        except OSError:
            logger.exception("the rows of the deleted dataset %s stay behind", dataset_id)


def remove_table(path: str) -> None:
    """Delete a table with all its files; it does not matter whether there is one.

    Raises
    ------
    OSError
        Object storage does not answer, or a file cannot be removed.
    """
    if is_object(path):
        remove_folder(path)
        return
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def open_pinned(path: str, delta_version: int) -> DeltaTable:
    """Open a table at a version that must be there."""
    table = open_table(path, version=delta_version)
    if table is None:
        raise LakeCorrupt("The table of the dataset is gone.")
    return table


def schema_of(version: DatasetVersion, columns: Sequence[str] | None) -> Schema:
    """Return the columns of a version, all or those that are named, after a check that it has rows."""
    if version.delta_version is None or version.status not in ("ready", "archived"):
        raise VersionNotReady(f"{version} is {version.status}; it has no rows to read.")
    schema = Schema.from_dict(version.schema)
    return schema if columns is None else schema.select(columns)
