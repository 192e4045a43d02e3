"""Writing the Parquet files of a Delta table, ready to be committed.

The files are written with Arrow in the caller's stream of batches, so that nothing is held but the row
group that is being filled, and committed afterwards in one action.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import pyarrow as pa

from datasets.lake.files import LakeFile
from datasets.lake.layout import Layout
from datasets.lake.object_storage import folder_of
from datasets.lake.statistics import statistics_of

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ROW_GROUP_ROWS = 131_072
ROW_GROUP_BYTES = 48 << 20
FILE_BYTES = 256 << 20
"""Bytes of values (not of the file) after which the next file is begun."""


class Parts:
    """Writes batches into files of bounded size.

    Left by an error, it removes what it has written. A process that is killed leaves files that no
    commit names; the next attempt under the same prefix removes them first.

    Parameters
    ----------
    path
        Address of the table: a folder, or ``s3://…``.
    schema
        Of the rows; the log tells of the first column.
    prefix
        Beginning of the names of all files: the same for each attempt at the same write, and for no other.
    """

    def __init__(self, path: str, schema: pa.Schema, *, prefix: str) -> None:
        self._schema = schema
        self._prefix = prefix
        self._files = folder_of(path)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._sink: Any = None
        self._name = ""
        self._file_bytes = 0
        self._metadata: list[pq.FileMetaData] = []
        self.parts: list[LakeFile] = []

    def __enter__(self) -> Self:
        self._remove_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
            self._end_file()
            return
        if self._writer is not None:
            self._abandon()
        self._remove_all()

    def write(self, batch: pa.RecordBatch) -> None:
        """Take in further rows."""
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        rows = sum(one.num_rows for one in self._waiting)
        if rows >= ROW_GROUP_ROWS or self._waiting_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def discard(self) -> None:
        """Remove the files that were finished: they will not be committed."""
        self._remove_all()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting, schema=self._schema)
        size, self._waiting, self._waiting_bytes = self._waiting_bytes, [], 0
        writer = self._writer or self._begin_file(table)
        writer.write_table(table, row_group_size=table.num_rows)
        self._file_bytes += size
        if self._file_bytes >= FILE_BYTES:
            self._end_file()

    def _begin_file(self, first: pa.Table) -> pq.ParquetWriter:
        import pyarrow.parquet as pq

        self._name = f"{self._prefix}-{len(self.parts):05}-{uuid4().hex}.parquet"
        self._sink = self._files.open_output_stream(self._name)
        self._file_bytes = 0
        self._writer = pq.ParquetWriter(
            self._sink,
            self._schema,
            metadata_collector=self._metadata,
            **Layout.of_version(first).options(),
        )
        return self._writer

    def _end_file(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._sink.close()
        self._writer = None
        size = int(self._files.get_file_info(self._name).size)
        statistics = statistics_of(self._metadata.pop(), self._schema.names[:1])
        self.parts.append(LakeFile(self._name, size, statistics))

    def _abandon(self) -> None:
        writer, self._writer = self._writer, None
        try:
            assert writer is not None
            writer.close()
            self._sink.close()
        except (OSError, pa.ArrowException):
            return  # the disk is full, perhaps: what is there is removed all the same

    def _remove_all(self) -> None:
        from pyarrow import fs

        found = self._files.get_file_info(
            fs.FileSelector("", recursive=False, allow_not_found=True)
        )
        for info in found:
            if info.base_name.startswith(self._prefix):
                self._files.delete_file(info.path)
        self.parts = []
