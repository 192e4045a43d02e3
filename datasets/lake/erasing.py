"""Taking rows out of tables for good: not from the latest version only, but from every file.

A deletion by predicate is not enough, for two reasons. Delta keeps the predicate in its log, and the log keeps
the smallest and largest value of some columns of each file: both would go on telling whose rows they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa

from datasets.errors import LakeBusy
from datasets.lake.object_storage import is_object, object_storage
from datasets.lake.scanning import scan
from datasets.lake.tables import open_table

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyarrow.fs import FileSystem

_ATTEMPTS = 8


def pinned_files(path: str, delta_version: int) -> frozenset[str]:
    """Return the names of the files that a version of a table is made of, below the table's address."""
    table = open_table(path, version=delta_version)
    if table is None:
        return frozenset()
    return frozenset(_names(table))


def key_files(path: str, names: Sequence[str]) -> Mapping[str, pa.Table]:
    """Return of every Parquet file below a table's address those of some columns that it has.

    Also of files that no version of the table names: the leavings of writers that were stopped.
    """
    import pyarrow.parquet as pq
    from pyarrow.fs import FileSelector, FileType

    filesystem, root = _files_of(path)
    found: dict[str, pa.Table] = {}
    for entry in filesystem.get_file_info(FileSelector(root, allow_not_found=True, recursive=True)):
        name = entry.path[len(root) :].lstrip("/")
        if entry.type is not FileType.File or not name.endswith(".parquet"):
            continue
        if name.startswith("_delta_log"):
            continue
        with filesystem.open_input_file(entry.path) as file:
            content = pq.ParquetFile(file)
            present = [column for column in names if column in content.schema_arrow.names]
            if present:
                found[name] = content.read(columns=present)
    return found


def rewrite_partition(
    path: str, column: str, value: str, keep: Callable[[pa.Table], pa.Table]
) -> int:
    """Replace the rows of one partition by those of them that ``keep`` returns; return how many went.

    Raises
    ------
    LakeBusy
        Other writers won the race eight times in a row.
    """
    from deltalake import write_deltalake
    from deltalake.exceptions import CommitFailedError

    escaped = value.replace("'", "''")
    predicate = f"{column} = '{escaped}'"
    last: Exception | None = None
    for _ in range(_ATTEMPTS):
        table = open_table(path)
        if table is None:
            return 0
        rows = scan(table, partitions=[(column, "=", value)]).to_table()
        kept = keep(rows)
        if kept.num_rows == rows.num_rows:
            return 0
        try:
            if kept.num_rows:
                write_deltalake(table, kept, mode="overwrite", predicate=predicate)
            else:
                table.delete(predicate)
        except CommitFailedError as error:
            last = error
            continue
        return int(rows.num_rows - kept.num_rows)
    raise LakeBusy("Too many writers append to the table at once.") from last


def replace_rows(path: str, rows: pa.Table) -> None:
    """Replace all rows of a table; :func:`purge` it afterwards.

    Raises
    ------
    LakeBusy
        Somebody else wrote to the table meanwhile.
    """
    from deltalake import write_deltalake
    from deltalake.exceptions import CommitFailedError

    table = open_table(path)
    if table is None:
        return
    try:
        write_deltalake(table, rows, mode="overwrite")
    except CommitFailedError as error:
        raise LakeBusy("Another writer writes to the table just now.") from error


def purge(path: str) -> None:
    """Remove every file and every entry of the log that the latest version of a table does not need.

    What a table was before is gone afterwards: no earlier version can be opened. Call it while no other
    process of this machine writes to the table.
    """
    from deltalake.exceptions import DeltaError

    table = open_table(path)
    if table is None:
        return
    # In object storage writers on other machines may have put files there that they are about to commit.
    table.vacuum(
        retention_hours=0,
        dry_run=False,
        enforce_retention_duration=False,
        full=not is_object(path),
    )
    table = open_table(path)
    if table is None:
        return
    version = int(table.version())
    try:
        table.create_checkpoint()
    except DeltaError as error:
        raise LakeBusy("The log of the table cannot be put together just now.") from error
    _forget_log_before(path, version)


def _forget_log_before(path: str, version: int) -> None:
    from pyarrow.fs import FileSelector, FileType

    filesystem, root = _files_of(path)
    log = f"{root}/_delta_log"
    for entry in filesystem.get_file_info(FileSelector(log, allow_not_found=True)):
        number = entry.base_name.partition(".")[0]
        is_earlier = number.isdecimal() and int(number) < version
        is_commit = number.isdecimal() and int(number) == version and entry.extension == "json"
        if entry.type is FileType.File and is_earlier and not is_commit:
            filesystem.delete_file(entry.path)


def _names(table: DeltaTable) -> list[str]:
    actions = pa.table(table.get_add_actions(flatten=True))
    return [unquote(one) for one in actions["path"].to_pylist()]


def _files_of(path: str) -> tuple[FileSystem, str]:
    from pyarrow.fs import LocalFileSystem

    if is_object(path):
        return object_storage().filesystem(), path.partition("://")[2].strip("/")
    return LocalFileSystem(), str(Path(path))
