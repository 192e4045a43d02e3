"""Writing the rows of a dataset version: once per transaction, or not at all.

The files are written first, and committed afterwards by optimistic concurrency: a commit counts only
when it is the very next version after the one that the writer has seen. A loser looks again and
commits the same files anew; nothing is written twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from datasets.errors import LakeBusy, LakeCorrupt, LakeUnreachable
from datasets.lake.feed import Feed, run_beside
from datasets.lake.files import LakeFile
from datasets.lake.lanes import Lane
from datasets.lake.object_storage import is_object, storage_options
from datasets.lake.parts import Parts
from datasets.lake.statistics import telling_first
from datasets.lake.tables import open_table
from datasets.schema import Schema

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable

_ATTEMPTS = 5
_PROPERTIES: dict[str, str] = {
    # The first column numbers the rows. What the log tells of is not forgotten with the rows.
    **telling_first(),
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
_TRANSACTION_KEY = "mlops.transaction"


@dataclass(frozen=True, slots=True)
class LakeWrite:
    """Where rows are after a write: the table and the Delta version that pins them.

    ``is_new`` is False when an earlier call with the same transaction had written them.
    """

    path: str
    delta_version: int
    is_new: bool = field(default=True, compare=False)


def write_version_rows(
    path: str,
    schema: Schema,
    batches: Callable[[], Iterable[pa.RecordBatch]],
    *,
    transaction_id: str,
    append_to: int | None = None,
    observe: Callable[[pa.RecordBatch], None] | None = None,
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
        Gives the rows. It is consumed in a thread of its own.
    transaction_id
        A second call with the same id writes nothing and finds the rows of the first one.
    append_to
        The Delta version whose rows come first; None replaces all rows. When the table has moved on
        from that version (rows of a version that failed later), it is set back first.
    observe
        Is shown every batch in order, in a thread of its own, while it is being written.
    on_wait
        Called several times a second, in the caller's thread, while rows are being written; what it
        raises stops the writing and is passed on.

    Raises
    ------
    NoRows
        There was not a single row.
    LakeBusy
        Other writers won the race five times in a row.
    LakeUnreachable
        The lake is in object storage, and that does not answer.
    """
    found = _written_before(path, transaction_id)
    if found is not None:
        return found
    first_row = 0
    if append_to is not None:
        pinned = open_table(path, version=append_to)
        if pinned is None:
            raise LakeCorrupt("The rows to append to are gone.")
        first_row = int(pinned.count())
    if not is_object(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    feed = Feed(schema, batches(), first_row)
    try:
        with Parts(path, feed.schema, prefix=_prefix(transaction_id, append_to)) as parts:
            run_beside(lambda: _write(feed, parts, observe), feed, on_wait)
        try:
            written = _commit(path, feed.schema, parts.parts, transaction_id, append_to)
        except BaseException:
            parts.discard()
            raise
    except OSError as error:
        if is_object(path):
            raise LakeUnreachable("The object storage of the lake does not answer.") from error
        raise
    if not written.is_new:
        parts.discard()
    return written


def _prefix(transaction_id: str, append_to: int | None) -> str:
    key = f"{transaction_id}|{append_to}"
    return f"part-{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def _write(feed: Feed, parts: Parts, observe: Callable[[pa.RecordBatch], None] | None) -> None:
    """Write the rows while they are being observed and the next ones are being read."""
    with (
        Lane(parts.write, name="write") as writing,
        Lane(observe or _ignore, name="observe") as seen,
    ):
        for batch, numbered in feed.rows():
            if observe is not None:
                seen.put(batch)
            writing.put(numbered)


def _ignore(batch: pa.RecordBatch) -> None:
    """Nobody wants to see the rows."""


def _written_before(path: str, transaction_id: str) -> LakeWrite | None:
    table = open_table(path)
    found = None if table is None else _version_of_transaction(table, transaction_id)
    return None if found is None else LakeWrite(path, found, is_new=False)


def _version_of_transaction(table: DeltaTable, transaction_id: str) -> int | None:
    if table.transaction_version(transaction_id) is None:
        return None
    for commit in table.history():
        if commit.get(_TRANSACTION_KEY) == transaction_id:
            return int(commit["version"])
    raise LakeCorrupt("The log of the table no longer says where the rows were written.")


def _commit(
    path: str,
    schema: pa.Schema,
    parts: list[LakeFile],
    transaction_id: str,
    append_to: int | None,
) -> LakeWrite:
    from deltalake import CommitProperties, Transaction
    from deltalake.exceptions import CommitFailedError, DeltaError

    properties = CommitProperties(
        app_transactions=[Transaction(transaction_id, 1)],
        custom_metadata={_TRANSACTION_KEY: transaction_id},
        max_commit_retries=0,
    )
    last: Exception | None = None
    for _ in range(_ATTEMPTS):
        found = _written_before(path, transaction_id)
        if found is not None:
            return found
        table = open_table(path)
        try:
            if table is None:
                if append_to is not None:
                    raise LakeCorrupt("The rows to append to are gone.")
                _create(path, schema, parts, properties)
                return LakeWrite(path, 0)
            if append_to is not None:
                _set_back(path, table, append_to)
            _bring_up_to_date(table)
            return LakeWrite(path, _add(table, schema, parts, properties, append_to is None))
        except CommitFailedError as error:
            last = error
        except DeltaError as error:
            if table is not None or open_table(path) is None:
                raise
            last = error  # another writer created the table first
    raise LakeBusy("Others keep writing to this dataset. Try again in a while.") from last


def _create(
    path: str, schema: pa.Schema, parts: list[LakeFile], properties: CommitProperties
) -> None:
    from deltalake import Schema as DeltaSchema
    from deltalake.transaction import create_table_with_add_actions

    create_table_with_add_actions(
        path,
        DeltaSchema.from_arrow(schema),
        [part.action() for part in parts],
        mode="error",
        configuration=dict(_PROPERTIES),
        storage_options=storage_options(path),
        commit_properties=properties,
    )


def _add(
    table: DeltaTable,
    schema: pa.Schema,
    parts: list[LakeFile],
    properties: CommitProperties,
    replaces: bool,
) -> int:
    from deltalake import PostCommitHookProperties

    expected = int(table.version()) + 1
    table.create_write_transaction(
        [part.action() for part in parts],
        "overwrite" if replaces else "append",
        schema,
        commit_properties=properties,
        post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
    )
    return expected


def _set_back(path: str, table: DeltaTable, to_version: int) -> None:
    from deltalake import CommitProperties

    if int(table.version()) != to_version and not _is_same_state(path, table, to_version):
        table.restore(to_version, commit_properties=CommitProperties(max_commit_retries=0))
        table.update_incremental()


def _bring_up_to_date(table: DeltaTable) -> None:
    """Give a table that was made long ago the properties that new ones are made with."""
    if _PROPERTIES.items() <= table.metadata().configuration.items():
        return
    table.alter.set_table_properties(_PROPERTIES)
    table.update_incremental()


def _is_same_state(path: str, table: DeltaTable, version: int) -> bool:
    pinned = open_table(path, version=version)
    return pinned is not None and set(pinned.file_uris()) == set(table.file_uris())
