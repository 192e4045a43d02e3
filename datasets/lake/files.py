"""One Parquet file of a Delta table, written in the caller's own thread, with what the table's log says of it.

The engine writes in threads of its own, which have the priority of whoever used it first; and it takes half as much time
again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa

from datasets.lake.layout import Layout
from datasets.lake.object_storage import folder_of, is_object
from datasets.lake.statistics import statistics_of

if TYPE_CHECKING:
    import pyarrow.parquet as pq
    from deltalake.transaction import AddAction

_PLAIN = re.compile(r"[\w.-]+=[\w.-]+", re.ASCII)

Partition = Mapping[str, str | None]
"""Values of the partition columns that all rows of a file share, as the log spells them."""


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file: its name in the table's folder, and what the log will say about it.

    Attributes
    ----------
    changed_ms
        Unix time in milliseconds; files in this order have their rows in the order in which they were appended.
    """

    name: str
    size_bytes: int
    statistics: str
    partition: Partition = field(default_factory=dict)
    changed_ms: int = field(default_factory=lambda: int(time.time() * 1000))

    def action(self, *, is_new: bool = True) -> AddAction:
        """Return what a commit adds; ``is_new`` is False where the rows were in the table before."""
        from deltalake.transaction import AddAction

        return AddAction(
            self.name,
            self.size_bytes,
            dict(self.partition),
            self.changed_ms,
            is_new,
            self.statistics,
        )


def write_file(
    path: str,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    *,
    partition: Partition,
    told: Sequence[str] = (),
    row_group_rows: int | None = None,
) -> LakeFile | None:
    """Write rows into a file of a table, which a commit has to name; None when there is not a single row.

    Parameters
    ----------
    path
        Address of the table.
    schema
        Of the rows, without the columns in ``partition``.
    tables
        The rows, some at a time. Where row groups are to be of one size, so have these to be.
    told
        Columns that the log tells of.
    row_group_rows
        The most rows of a row group; Arrow's choice, when absent.

    Raises
    ------
    OSError
        The disk is full or gone, or the object storage does not answer; nothing is left behind.
    """
    import pyarrow.parquet as pq

    files = folder_of(path)
    folder = _folder(partition)
    name = f"{folder}/part-{uuid4().hex}.parquet".lstrip("/")
    writer: pq.ParquetWriter | None = None
    sink = None
    try:
        for table in tables:
            if not table.num_rows:
                continue
            if writer is None:
                if folder and not is_object(path):
                    files.create_dir(folder)
                sink = files.open_output_stream(name)
                writer = pq.ParquetWriter(sink, schema, **Layout.of_log(table).options())
            writer.write_table(table, row_group_size=row_group_rows)
        if writer is None or sink is None:
            return None
        writer.close()
        statistics = statistics_of(writer.writer.metadata, told)
        sink.close()
        return LakeFile(name, int(files.get_file_info(name).size), statistics, partition)
    except BaseException:
        if sink is not None:
            remove_file(path, name)
        raise


def remove_file(path: str, name: str) -> None:
    """Remove a file that no commit names; it does not matter whether it is there."""
    files = folder_of(path)
    try:
        files.delete_file(name)
    except FileNotFoundError:
        return


def _folder(partition: Partition) -> str:
    """Return the folder of a partition, ``day=2026-01-31``, for the eye: what the log says is what counts.

    Values that would have to be escaped, which readers do in different ways, have none.
    """
    parts = [f"{key}={value}" for key, value in partition.items()]
    return "/".join(parts) if all(_PLAIN.fullmatch(part) for part in parts) else ""
