"""The rows of dataset versions.

Each dataset is one Delta table, at ``LAKE_ROOT/datasets/<id>``; each dataset version pins one Delta
version of it. The first column of the table, ``__row__``, counts the rows of the version from 0: it
gives rows an order that no compaction and no parallel reader can disturb, makes "rows 500 to 600" a
look-up in file statistics, and is never handed out. Delta's log and files are kept for ever (no log
clean-up, no vacuum), because a pinned version must stay readable.

Writers use optimistic concurrency: a commit counts only when it is the very next version after the
one that the writer has seen. A loser looks again and writes anew.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from datasets.errors import LakeBusy, LakeCorrupt, LakeUnreachable, VersionNotReady
from datasets.lake.feed import ROW_COLUMN, Feed, run_beside
from datasets.lake.object_storage import is_object, remove_folder, storage_options
from datasets.lake.tables import open_table, table_path
from datasets.schema import Schema

if TYPE_CHECKING:
    import pyarrow.dataset as pads
    from deltalake import DeltaTable

    from datasets.models import Dataset, DatasetVersion

logger = logging.getLogger(__name__)

BATCH_ROWS = 65_536
_ATTEMPTS = 5
_KEEP_FOR_EVER = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
_TRANSACTION_KEY = "mlops.transaction"


@dataclass(frozen=True, slots=True)
class LakeWrite:
    """Where rows are after a write: the table and the Delta version that pins them."""

    path: str
    delta_version: int


def dataset_path(dataset: Dataset) -> str:
    """Return the address of a dataset's table."""
    return table_path("datasets", str(dataset.pk))


def write_version_rows(
    path: str,
    schema: Schema,
    batches: Callable[[], Iterable[pa.RecordBatch]],
    *,
    transaction_id: str,
    append_to: int | None = None,
    on_wait: Callable[[], None] | None = None,
) -> LakeWrite:
    """Write the rows of a new version, once per transaction.

    Parameters
    ----------
    path
        Address of the table.
    schema
        Schema of the rows.
    batches
        Gives the rows, from the start on each call (a lost race writes them again). It is consumed
        in a thread of its own.
    transaction_id
        A second call with the same id writes nothing and finds the rows of the first one.
    append_to
        The Delta version whose rows come first; None replaces all rows. When the table has moved on
        from that version (rows of a version that failed later), it is set back first.
    on_wait
        Called several times a second, in the caller's thread, while rows are being written; what it
        raises stops the writing and is passed on.

    Raises
    ------
    NoRows
        There was not a single row.
    LakeBusy
        Other writers won the race five times in a row.
    """
    from deltalake.exceptions import CommitFailedError

    last: Exception | None = None
    for _ in range(_ATTEMPTS):
        table = open_table(path)
        if table is not None:
            found = _version_of_transaction(table, transaction_id)
            if found is not None:
                return LakeWrite(path, found)
        try:
            first_row = 0
            if append_to is not None:
                table = _set_back(path, table, append_to)
                first_row = _row_count(table)
            return _write_once(
                path, table, schema, batches, transaction_id, first_row, append_to, on_wait
            )
        except CommitFailedError as error:
            last = error
    raise LakeBusy("Others keep writing to this dataset. Try again in a while.") from last


def _version_of_transaction(table: DeltaTable, transaction_id: str) -> int | None:
    if table.transaction_version(transaction_id) is None:
        return None
    for commit in table.history():
        if commit.get(_TRANSACTION_KEY) == transaction_id:
            return int(commit["version"])
    raise LakeCorrupt("The log of the table no longer says where the rows were written.")


def _set_back(path: str, table: DeltaTable | None, to_version: int) -> DeltaTable:
    from deltalake import CommitProperties

    if table is None:
        raise LakeCorrupt("The rows to append to are gone.")
    if int(table.version()) != to_version and not _is_same_state(path, table, to_version):
        table.restore(to_version, commit_properties=CommitProperties(max_commit_retries=0))
        table.update_incremental()
    return table


def _is_same_state(path: str, table: DeltaTable, version: int) -> bool:
    pinned = open_table(path, version=version)
    return pinned is not None and set(pinned.file_uris()) == set(table.file_uris())


def _row_count(table: DeltaTable) -> int:
    return int(table.count())


def _write_once(
    path: str,
    table: DeltaTable | None,
    schema: Schema,
    batches: Callable[[], Iterable[pa.RecordBatch]],
    transaction_id: str,
    first_row: int,
    append_to: int | None,
    on_wait: Callable[[], None] | None,
) -> LakeWrite:
    from deltalake import CommitProperties, PostCommitHookProperties, Transaction, write_deltalake
    from deltalake.exceptions import DeltaError

    feed = Feed(schema, batches(), first_row)
    if table is None and not is_object(path):
        from pathlib import Path

        Path(path).mkdir(parents=True, exist_ok=True)
    replaces = append_to is None
    expected = 0 if table is None else int(table.version()) + 1

    def write() -> None:
        write_deltalake(
            path if table is None else table,
            pa.RecordBatchReader.from_batches(feed.schema, feed.rows()),
            mode="error" if table is None else "overwrite" if replaces else "append",
            schema_mode="overwrite" if replaces and table is not None else None,
            configuration=_KEEP_FOR_EVER if table is None else None,
            storage_options=storage_options(path) if table is None else None,
            commit_properties=CommitProperties(
                app_transactions=[Transaction(transaction_id, 1)],
                custom_metadata={_TRANSACTION_KEY: transaction_id},
                max_commit_retries=0,
            ),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )

    try:
        run_beside(write, feed, on_wait)
    except (DeltaError, pa.ArrowException, OSError) as error:
        if feed.failure is not None:
            raise feed.failure from None
        if is_object(path) and isinstance(error, OSError):
            raise LakeUnreachable("The object storage of the lake does not answer.") from error
        raise
    return LakeWrite(path, expected)


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
    schema = _schema_of(version, columns)
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
    schema = _schema_of(version, columns)
    path, pinned = dataset_path(version.dataset), version.delta_version
    assert pinned is not None
    yield from iter_pinned(path, pinned, schema, batch_rows=batch_rows)


def read_pinned(path: str, delta_version: int, schema: Schema) -> pa.Table:
    """Return these columns of a pinned Delta version as one table, in row order."""
    return pa.Table.from_batches(
        list(iter_pinned(path, delta_version, schema)), schema=schema.to_arrow()
    )


def iter_pinned(
    path: str, delta_version: int, schema: Schema, *, batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yield these columns of a pinned Delta version in row order.

    The files of a table hold stretches of rows; they are read one after the other, ordered by the
    statistics of ``__row__``. Only when stretches overlap (a table that was rewritten by somebody
    else) are all rows read at once and sorted.
    """
    table = _open_pinned(path, delta_version)
    dataset = table.to_pyarrow_dataset()
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
        yield from fragment.to_batches(schema=stored, columns=names, batch_size=batch_rows)
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
    fragments = {_file_name(fragment.path): fragment for fragment in dataset.get_fragments()}
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
    return [fragments[_file_name(path)] for _, _, path in files]


def _file_name(path: str) -> str:
    return unquote(path).rpartition("/")[2]


def preview(version: DatasetVersion, *, offset: int, limit: int) -> pa.Table:
    """Return at most ``limit`` rows of a version, from row ``offset`` on, with all columns.

    Raises
    ------
    VersionNotReady
        The version has no rows (yet).
    """
    schema = _schema_of(version, None)
    assert version.delta_version is not None
    table = _open_pinned(dataset_path(version.dataset), version.delta_version)
    row = pc.field(ROW_COLUMN)
    found = table.to_pyarrow_dataset().to_table(
        columns=[ROW_COLUMN, *schema.names], filter=(row >= offset) & (row < offset + limit)
    )
    return found.sort_by(ROW_COLUMN).select(list(schema.names)).cast(schema.to_arrow())


def pinned_size_bytes(path: str, delta_version: int) -> int:
    """Return how many bytes the files of a pinned version have together."""
    actions = pa.table(_open_pinned(path, delta_version).get_add_actions(flatten=True))
    return int(pc.sum(actions["size_bytes"]).as_py() or 0)


def pinned_row_count(path: str, delta_version: int) -> int:
    """Return how many rows a pinned version has, from the log alone."""
    return _row_count(_open_pinned(path, delta_version))


def remove_dataset(dataset_id: int) -> None:
    """Delete the table of a dataset that no longer has a row in the database.

    When object storage is away just then, the table stays behind; the log says which.
    """
    path = table_path("datasets", str(dataset_id))
    if not is_object(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        remove_folder(path)
    except OSError:
        logger.exception("the rows of the deleted dataset %s stay behind", dataset_id)


def _open_pinned(path: str, delta_version: int) -> DeltaTable:
    table = open_table(path, version=delta_version)
    if table is None:
        raise LakeCorrupt("The table of the dataset is gone.")
    return table


def _schema_of(version: DatasetVersion, columns: Sequence[str] | None) -> Schema:
    if version.delta_version is None or version.status not in ("ready", "archived"):
        raise VersionNotReady(f"{version} is {version.status}; it has no rows to read.")
    schema = Schema.from_dict(version.schema)
    return schema if columns is None else schema.select(columns)
