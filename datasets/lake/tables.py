"""Delta tables in general: open, create, scan a window."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from django.conf import settings

from datasets.errors import LakeBusy, LakeCorrupt, LakeUnreachable
from datasets.lake.object_storage import is_object, storage_options
from datasets.lake.scanning import Condition, scan
from datasets.lake.statistics import telling

if TYPE_CHECKING:
    from deltalake import DeltaTable

_ATTEMPTS = 8


def table_path(*parts: str) -> str:
    """Return the address of a table below ``settings.LAKE_ROOT`` (a folder or ``s3://…``)."""
    return "/".join([str(settings.LAKE_ROOT).rstrip("/"), *parts])


def start_engine() -> None:
    """Start the threads of the engine, which on Linux have the priority of the thread that starts them."""
    from deltalake import DeltaTable

    with tempfile.TemporaryDirectory() as folder:
        DeltaTable.is_deltatable(folder)


def open_table(path: str, *, version: int | None = None) -> DeltaTable | None:
    """Open a table, at its latest version or at the one named; None when it does not exist yet.

    Raises
    ------
    LakeCorrupt
        The table is there, but this version of it is not.
    LakeUnreachable
        The table is in object storage, and that does not answer.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    # In object storage the look before would cost a round trip, during which all threads stand still.
    if not is_object(path) and not DeltaTable.is_deltatable(path):
        return None
    try:
        return DeltaTable(path, version=version, storage_options=storage_options(path))
    except TableNotFoundError as error:
        if is_object(path):
            return None
        raise LakeCorrupt("The table cannot be opened.") from error
    except (DeltaError, OSError) as error:
        if is_object(path) and isinstance(error, OSError):
            raise LakeUnreachable("The object storage of the lake does not answer.") from error
        which = "The table" if version is None else f"Version {version} of the table"
        raise LakeCorrupt(f"{which} cannot be opened.") from error


def table_version(path: str) -> int | None:
    """Return the latest version of a table; None when there is no table."""
    table = open_table(path)
    return None if table is None else int(table.version())


def ensure_table(
    path: str,
    schema: pa.Schema,
    *,
    partition_by: Sequence[str] | None = None,
    configuration: Mapping[str, str] | None = None,
) -> DeltaTable:
    """Open a table, creating an empty one when there is none.

    Two processes may try at the same moment; both get the table. Without ``configuration`` its log tells of no column.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    table = open_table(path)
    if table is not None:
        return table
    _make_folder(path)
    try:
        return DeltaTable.create(
            path,
            schema=schema,
            mode="error",
            partition_by=list(partition_by) if partition_by else None,
            configuration=dict(configuration or telling(())),
            storage_options=storage_options(path),
        )
    except DeltaError:
        created = open_table(path)
        if created is None:
            raise
        return created


def add_columns(path: str, schema: pa.Schema) -> None:
    """Give a table that was made long ago the columns of ``schema`` that it lacks; older rows have nulls there.

    Raises
    ------
    LakeBusy
        Other writers won the race for the next version eight times in a row.
    """
    from deltalake import Field, Schema
    from deltalake.exceptions import CommitFailedError, DeltaError

    last: Exception | None = None
    for _ in range(_ATTEMPTS):
        table = open_table(path)
        if table is None:
            return
        present = {field.name for field in table.schema().fields}
        missing = [field for field in schema if field.name not in present]
        if not missing:
            return
        fields: list[Field] = list(Schema.from_arrow(pa.schema(missing)).fields)
        try:
            table.alter.add_columns(fields)
        except (CommitFailedError, DeltaError) as error:  # another writer was first
            last = error
            continue
        return
    raise LakeBusy("Too many writers append to the table at once.") from last


def set_properties(path: str, configuration: Mapping[str, str]) -> None:
    """Give a table that was made long ago the properties that new ones are made with.

    Raises
    ------
    LakeBusy
        Other writers won the race for the next version eight times in a row.
    """
    from deltalake.exceptions import CommitFailedError

    last: Exception | None = None
    for _ in range(_ATTEMPTS):
        table = open_table(path)
        if table is None or configuration.items() <= table.metadata().configuration.items():
            return
        try:
            table.alter.set_table_properties(dict(configuration))
        except CommitFailedError as error:
            last = error
            continue
        return
    raise LakeBusy("Too many writers append to the table at once.") from last


def transaction_number(path: str, name: str) -> int | None:
    """Return the latest number that a writer's stream has committed to a table; None when it has none."""
    table = open_table(path)
    number = None if table is None else table.transaction_version(name)
    return None if number is None else int(number)


def delete_rows(path: str, predicate: str) -> int:
    """Delete the rows that fulfil an SQL predicate; return how many. Their files stay until a compaction.

    Raises
    ------
    LakeBusy
        Other writers won the race eight times in a row.
    """
    from deltalake.exceptions import CommitFailedError

    last: Exception | None = None
    for _ in range(_ATTEMPTS):
        table = open_table(path)
        if table is None:
            return 0
        try:
            return int(table.delete(predicate).get("num_deleted_rows") or 0)
        except CommitFailedError as error:
            last = error
    raise LakeBusy("Too many writers are at work on the table.") from last


def read_window(
    path: str,
    *,
    columns: Sequence[str] | None = None,
    partitions: Sequence[Condition] | None = None,
    where: Any = None,
    version: int | None = None,
) -> pa.Table | None:
    """Read the rows of a table that pass a filter; None when there is no table.

    Parameters
    ----------
    columns
        Which columns; all, when absent.
    partitions
        Conditions on partition columns, such as ``("day", ">=", "2026-01-31")``: whole files are
        left out by them.
    where
        A ``pyarrow.dataset`` expression on any column.
    version
        The version to read; the latest, when absent.
    """
    table = open_table(path, version=version)
    if table is None:
        return None
    dataset = scan(table, partitions=partitions)
    return dataset.to_table(columns=list(columns) if columns is not None else None, filter=where)


def _make_folder(path: str) -> None:
    from pathlib import Path

    if not is_object(path):
        Path(path).mkdir(parents=True, exist_ok=True)
