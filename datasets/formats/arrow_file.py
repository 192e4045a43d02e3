"""Arrow IPC files (Feather) and streams; what compressed buffers claim is read before they are opened."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from datasets.errors import ExpandsTooMuch, NoRows, SchemaMismatch, UnreadableFile
from datasets.formats.bad_rows import Quarantine
from datasets.formats.limits import Limits
from datasets.formats.nul_text import NulGate
from datasets.formats.source import ReadProgress, SourceNote, ignore_progress
from datasets.formats.stored_types import expanded_bytes, stored_type_notes
from datasets.schema import Schema, check_names
from datasets.schema.arrow import normalise_batch, schema_from_arrow

FILE_MAGIC = b"ARROW1\x00\x00"
STREAM_MAGIC = b"\xff\xff\xff\xff"
_DAMAGED = "The file is damaged or cut off: its content does not decode as Arrow."
_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2


class ArrowFile:
    """An Arrow IPC file or stream without nested columns.

    Opening it walks over its messages: the sizes that compressed buffers claim to have are added up before
    one of them is unpacked.

    Raises
    ------
    UnreadableFile
        It is cut off or damaged.
    ExpandsTooMuch
        It claims to be larger than allowed.
    DomainError
        Any refusal of :func:`datasets.schema.arrow.schema_from_arrow`.
    """

    format: ClassVar[str] = "arrow"

    def __init__(self, path: Path, limits: Limits, *, quarantine: Quarantine | None = None) -> None:
        self._path = path
        self._limits = limits
        self._quarantine = quarantine
        self.row_numbers: Sequence[int] | None = None
        self._size = max(1, path.stat().st_size)
        with path.open("rb") as raw:
            self._is_file = raw.read(len(FILE_MAGIC)) == FILE_MAGIC
        try:
            self._check_size(self._claimed_bytes())
            with pa.memory_map(str(path)) as mapped:
                reader = pa.ipc.open_file(mapped) if self._is_file else pa.ipc.open_stream(mapped)
                self._arrow_schema: pa.Schema = reader.schema
        except (pa.ArrowException, OSError, ValueError, struct.error) as error:
            raise UnreadableFile(_DAMAGED, field="file") from error
        self.schema: Schema = schema_from_arrow(self._arrow_schema)

    @property
    def description(self) -> dict[str, str]:
        """Whether it is a file or a stream."""
        return {"layout": "file" if self._is_file else "stream"}

    @property
    def notes(self) -> tuple[SourceNote, ...]:
        """What a dataset's types could not take over as it is."""
        return stored_type_notes(self.schema, self._arrow_schema)

    @property
    def supposed_schema(self) -> Schema:
        """The schema: the file says it itself."""
        return self.schema

    def infer(self, *, progress: ReadProgress | None = None) -> None:
        """Do nothing: the file says its types itself."""

    def attempt(self, *, progress: ReadProgress | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows as the file's own types."""
        yield from self.batches(progress=progress)

    def batches(
        self, schema: Schema | None = None, *, progress: ReadProgress | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows as the types of ``schema``, or as the file's own.

        Raises
        ------
        ExpandsTooMuch, UnreadableFile
            While it is being read.
        DomainError
            Any refusal of :func:`datasets.schema.arrow.normalise_batch` and
            :class:`datasets.formats.nul_text.NulGate`.
        """
        wanted = schema or self.schema
        names = check_names(self._arrow_schema.names)
        missing = [column.name for column in wanted if column.name not in names]
        if missing:
            raise SchemaMismatch(f"Column {missing[0]!r} is missing.", field="file")
        tell = progress or ignore_progress
        gate, size = NulGate(self._quarantine), 0
        for batch, fraction in self._raw_batches():
            size += sum(expanded_bytes(array) for array in batch.columns)
            self._check_size(size)
            for start in range(0, batch.num_rows, self._limits.batch_rows):
                part = batch.slice(start, self._limits.batch_rows)
                typed = normalise_batch(part, wanted, first_row=gate.rows + 1)
                kept = gate.pass_rows(typed)
                self.row_numbers = gate.numbers
                if kept.num_rows:
                    yield kept
            tell(min(0.99, fraction))
        if gate.rows == 0:
            raise NoRows("The file has columns, but no rows.", field="file")
        gate.end()
        tell(1.0)

    def _raw_batches(self) -> Iterator[tuple[pa.RecordBatch, float]]:
        try:
            with pa.memory_map(str(self._path)) as mapped:
                if self._is_file:
                    reader = pa.ipc.open_file(mapped)
                    for number in range(reader.num_record_batches):
                        batch = reader.get_batch(number)
                        batch.validate(full=True)
                        yield batch, (number + 1) / reader.num_record_batches
                    return
                for batch in pa.ipc.open_stream(mapped):
                    batch.validate(full=True)
                    yield batch, mapped.tell() / self._size
        except (pa.ArrowException, OSError, MemoryError) as error:
            raise UnreadableFile(_DAMAGED, field="file") from error

    def _claimed_bytes(self) -> int:
        """Add up what the buffers of all messages claim to hold when they are unpacked."""
        total = 0
        with pa.memory_map(str(self._path)) as mapped:
            # The file layout is the stream layout between two marks.
            mapped.seek(len(FILE_MAGIC) if self._is_file else 0)
            reader = pa.ipc.MessageReader.open_stream(mapped)
            while True:
                try:
                    message = reader.read_next_message()
                except StopIteration:
                    return total
                total += _unpacked_bytes(message)
                self._check_size(total)

    def _check_size(self, size: int) -> None:
        if size > self._limits.expanded_bytes:
            raise ExpandsTooMuch(
                f"The file expands to more than {self._limits.expanded_bytes / (1 << 30):g} GB.",
                field="file",
            )


def _unpacked_bytes(message: pa.ipc.Message) -> int:
    """Return what the buffers of a message claim: the first 8 bytes of a compressed one say its size.

    References
    ----------
    Arrow columnar format, "IPC", "Compression": each compressed buffer begins with its uncompressed length
    as a little-endian 64-bit integer, or -1 when it is not compressed after all. The message itself is a
    flatbuffer (``Message.fbs``): header type in field 1, header in field 2; a ``RecordBatch`` has its
    buffers (pairs of offset and length) in field 2 and the compression in field 3; a ``DictionaryBatch``
    has a ``RecordBatch`` in field 1.
    """
    body = message.body
    if body is None:
        return 0
    data = memoryview(message.metadata)
    root = struct.unpack_from("<I", data, 0)[0]
    kind_at, header_at = _field(data, root, 1), _field(data, root, 2)
    kind = data[kind_at] if kind_at else 0
    if kind not in (_RECORD_BATCH, _DICTIONARY_BATCH) or not header_at:
        return 0
    batch = _table(data, header_at)
    if kind == _DICTIONARY_BATCH:
        batch = _table(data, _field(data, batch, 1))
    buffers_at = _field(data, batch, 2)
    if not _field(data, batch, 3) or not buffers_at:
        return int(body.size)
    vector = _table(data, buffers_at)
    count = struct.unpack_from("<I", data, vector)[0]
    whole, total = memoryview(body), 0
    for number in range(count):
        offset, length = struct.unpack_from("<qq", data, vector + 4 + 16 * number)
        if length >= 8:
            claimed = struct.unpack_from("<q", whole, offset)[0]
            total += length if claimed == -1 else max(0, claimed)
    return total


def _table(data: memoryview, at: int) -> int:
    return at + int(struct.unpack_from("<I", data, at)[0])


def _field(data: memoryview, table: int, number: int) -> int:
    """Return where a field of a flatbuffer table is; 0 when it is absent."""
    lookup = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, lookup)[0]
    entry = 4 + 2 * number
    if entry >= size:
        return 0
    offset = struct.unpack_from("<H", data, lookup + entry)[0]
    return table + offset if offset else 0
