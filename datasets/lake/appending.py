"""Tables that grow by small appends, each of which happens once; from time to time their small files are put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from datasets.errors import LakeBusy, LakeCorrupt
from datasets.lake.files import LakeFile, Partition, remove_file, write_file
from datasets.lake.object_storage import folder_of
from datasets.lake.statistics import told_columns
from datasets.lake.tables import ensure_table, open_table

if TYPE_CHECKING:
    from deltalake import DeltaTable

_ATTEMPTS = 8
_KEEP_HOURS = 7 * 24
SMALL_BYTES = 4 << 20
"""Files below this are put together whenever somebody asks."""
LARGE_BYTES = 128 << 20
"""Files from this on stay as they are."""
MANY_FILES = 64
"""So many files of a partition between the two are put together into large ones: their rows are written once more."""
_ROW_GROUP_ROWS = 131_072


def append(
    path: str,
    table: pa.Table,
    *,
    transaction: tuple[str, int],
    partition_by: Sequence[str] | None = None,
    row_group_rows: int | None = None,
    opened: DeltaTable | None = None,
) -> int:
    """Append rows exactly once per transaction; create the table when there is none.

    The rows are written in the caller's own thread, with its priority.

    Parameters
    ----------
    path
        Address of the Delta table.
    table
        The rows; they must have the schema of the table.
    transaction
        Name of the writer's stream and a number that grows with each of its writes. When the table
        has that number (or a later one) for the name already, nothing is written.
    partition_by
        Columns of text to partition a new table by.
    row_group_rows
        The most rows of a row group, which is what a filter reads or leaves out; Arrow's choice, when absent.
    opened
        The table, where it was opened a moment ago.

    Returns
    -------
    int
        A version of the table that contains the rows.

    Raises
    ------
    LakeBusy
        Other writers won the race for the next version eight times in a row.
    LakeCorrupt
        The table has not the columns of the rows, or has them with other types.
    """
    from deltalake import CommitProperties, Transaction
    from deltalake.exceptions import CommitFailedError

    name, number = transaction
    written: list[LakeFile] = []
    was_asked = False
    last: Exception | None = None
    try:
        for _ in range(_ATTEMPTS):
            target = opened or ensure_table(path, table.schema, partition_by=partition_by)
            opened = None
            done = target.transaction_version(name)
            if done is not None and done >= number:
                return int(target.version())
            if not written:
                written = _written(path, target, table, row_group_rows)
            was_asked = True
            try:
                target.create_write_transaction(
                    [file.action() for file in written],
                    "append",
                    target.schema(),
                    partition_by=_partition_columns(target),
                    commit_properties=CommitProperties(
                        app_transactions=[Transaction(name, number)], max_commit_retries=0
                    ),
                )
            except CommitFailedError as error:
                last = error
                continue
            return int(target.version()) + 1
        raise LakeBusy("Too many writers append to the table at once.") from last
    finally:
        # A storage may carry a commit out and still report a conflict with it: it had tried twice by itself. So
        # files that a commit was to name stay; when none does, they are removed with the other old ones.
        if not was_asked:
            for file in written:
                remove_file(path, file.name)


def compact(
    path: str,
    *,
    keep_hours: int = _KEEP_HOURS,
    row_group_rows: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Put the small files of a table together; remove files that no recent version needs; tell whether all was done.

    A writer that commits at the same time wins; what was put together then is tried again next time.

    Parameters
    ----------
    keep_hours
        How long files that were put together into others are kept, for those who read an older version.
    row_group_rows
        As for :func:`append`. Rows keep the order in which they were appended.
    should_stop
        Asked before each row group that is read, whether to leave the rest for another time.
    """
    table = open_table(path)
    if table is None:
        return True
    try:
        for group in _groups(_files(table)):
            if not _put_together(path, group, row_group_rows or _ROW_GROUP_ROWS, should_stop):
                return False
    except _StoppedError:
        return False
    table.update_incremental()
    # In full: also files that no version ever named.
    table.vacuum(
        retention_hours=keep_hours, dry_run=False, enforce_retention_duration=False, full=True
    )
    return True


class _StoppedError(Exception):
    """Whoever puts files together was told to stop."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A file of the latest version; ``path`` is its name as the log spells it."""

    path: str
    size_bytes: int
    changed_ms: int
    partition: Partition

    @property
    def key(self) -> tuple[tuple[str, bool, str], ...]:
        return tuple((name, value is None, value or "") for name, value in self.partition.items())


def _files(table: DeltaTable) -> list[_Known]:
    """Return the files of a table by partition, the oldest first."""
    columns = _partition_columns(table)
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    found = [
        _Known(
            action["path"],
            int(action["size_bytes"]),
            _milliseconds(action["modification_time"]),
            {name: _text(action[f"partition.{name}"]) for name in columns},
        )
        for action in actions
    ]
    return sorted(found, key=lambda one: (one.key, one.changed_ms, one.path))


def _milliseconds(moment: Any) -> int:
    return moment if isinstance(moment, int) else round(moment.timestamp() * 1000)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _groups(files: Sequence[_Known]) -> Iterator[list[_Known]]:
    """Yield files of one partition that shall become one, in the order of their rows."""
    for _, members in groupby(files, key=lambda one: one.key):
        listed = list(members)
        middle = [one for one in listed if SMALL_BYTES <= one.size_bytes < LARGE_BYTES]
        for chosen in (
            [one for one in listed if one.size_bytes < SMALL_BYTES],
            middle if len(middle) >= MANY_FILES else [],
        ):
            group: list[_Known] = []
            for one in chosen:
                group.append(one)
                if sum(member.size_bytes for member in group) >= LARGE_BYTES:
                    yield group
                    group = []
            if len(group) > 1:
                yield group


def _put_together(
    path: str, group: Sequence[_Known], row_group_rows: int, should_stop: Callable[[], bool]
) -> bool:
    """Replace files by one that has their rows; tell whether no other writer was first."""
    from deltalake import CommitProperties
    from deltalake.exceptions import CommitFailedError
    from deltalake.transaction import RemoveAction

    table = open_table(path)
    if table is None or not {one.path for one in group} <= {one.path for one in _files(table)}:
        return False
    partition = group[0].partition
    schema = _schema_without(table, partition)
    rows = _in_row_groups(_rows(path, group, schema, should_stop), row_group_rows)
    file = write_file(
        path, schema, rows, partition=partition, told=_told(table), row_group_rows=row_group_rows
    )
    moment = int(time.time() * 1000)
    changes: list[Any] = [
        RemoveAction(one.path, False, moment, one.size_bytes, dict(one.partition)) for one in group
    ]
    if file is not None:
        changes.append(file.action(is_new=False))
    try:
        table.create_write_transaction(
            changes,
            "append",
            table.schema(),
            partition_by=list(partition),
            # Whoever deleted rows of these files meanwhile has made another version.
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    except CommitFailedError:
        return False  # the file stays, as in append
    return True


def _rows(
    path: str, group: Sequence[_Known], schema: pa.Schema, should_stop: Callable[[], bool]
) -> Iterator[pa.Table]:
    """Yield the rows of files, a row group at a time; a column that a file of long ago lacks is null."""
    import pyarrow.parquet as pq

    files = folder_of(path)
    for one in group:
        with files.open_input_file(unquote(one.path)) as source:
            content = pq.ParquetFile(source)
            for place in range(content.num_row_groups):
                if should_stop():
                    raise _StoppedError
                rows = content.read_row_group(place, use_threads=False)
                columns = [
                    rows.column(field.name).cast(field.type)
                    if field.name in rows.column_names
                    else pa.nulls(rows.num_rows, field.type)
                    for field in schema
                ]
                yield pa.Table.from_arrays(columns, schema=schema)


def _in_row_groups(tables: Iterator[pa.Table], count: int) -> Iterator[pa.Table]:
    """Yield the same rows, ``count`` at a time."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        while rows >= count:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, count)
            waiting, rows = [whole.slice(count)], rows - count
    if rows:
        yield pa.concat_tables(waiting)


def _written(
    path: str, target: DeltaTable, table: pa.Table, row_group_rows: int | None
) -> list[LakeFile]:
    """Write the rows of each partition into a file."""
    found: list[LakeFile] = []
    try:
        for partition, rows in _partitions(table, _partition_columns(target)):
            schema = _schema_without(target, partition)
            named = pa.schema([field for field in schema if field.name in rows.column_names])
            if len(named) != len(rows.column_names) or not named.equals(
                rows.select(named.names).schema
            ):
                raise LakeCorrupt("The columns of the table are not those of the rows.")
            file = write_file(
                path,
                named,
                [rows.select(named.names)],
                partition=partition,
                told=_told(target),
                row_group_rows=row_group_rows,
            )
            if file is not None:
                found.append(file)
    except BaseException:
        for file in found:
            remove_file(path, file.name)
        raise
    return found


def _partitions(table: pa.Table, columns: Sequence[str]) -> Iterator[tuple[Partition, pa.Table]]:
    """Yield the rows of each partition, in their order, without its columns."""
    keys: list[Mapping[str, Any]] = [{}]
    if columns:
        keys = table.group_by(list(columns), use_threads=False).aggregate([]).to_pylist()
    for key in keys:
        rows = table
        if len(keys) > 1:
            for name, value in key.items():
                column = rows.column(name)
                rows = rows.filter(pc.is_null(column) if value is None else pc.equal(column, value))
        yield {name: _text(value) for name, value in key.items()}, rows.drop_columns(list(columns))


def _partition_columns(table: DeltaTable) -> list[str]:
    return list(table.metadata().partition_columns)


def _schema_without(table: DeltaTable, partition: Partition) -> pa.Schema:
    schema = pa.schema(table.schema().to_arrow())
    return pa.schema([field for field in schema if field.name not in partition])


def _told(table: DeltaTable) -> list[str]:
    """Return the columns that the log tells of."""
    return told_columns(table.metadata().configuration)
