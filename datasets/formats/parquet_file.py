"""Parquet files: their types brought into ours batch by batch, their expanded size counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from datasets.errors import ExpandsTooMuch, NoRows, SchemaMismatch, UnreadableFile
from datasets.formats.bad_rows import Quarantine
from datasets.formats.limits import Limits
from datasets.formats.nul_text import NulGate
from datasets.formats.source import ReadProgress, SourceNote
from datasets.formats.stored_types import expanded_bytes, stored_type_notes
from datasets.schema import Schema, check_names
from datasets.schema.arrow import normalise_batch, schema_from_arrow

MAGIC = b"PAR1"
_CUT = "The file starts as Parquet, but its end is missing: it was cut off or is damaged."
_DAMAGED = "The file is damaged: its content does not decode as Parquet."


class ParquetFile:
    """A Parquet file without nested columns.

    Opening it reads its metadata only. Text columns are read as dictionaries, so that a page which
    repeats one long value a million times is measured before it is spread out.

    Raises
    ------
    UnreadableFile
        It is cut off or damaged.
    DomainError
        Any refusal of :func:`datasets.schema.arrow.schema_from_arrow`.
    """

    format = "parquet"

    def __init__(
        self, path: Path, limits: Limits | None = None, *, quarantine: Quarantine | None = None
    ) -> None:
        self._path = path
        self._limits = limits or Limits()
        self._quarantine = quarantine
        self.row_numbers: Sequence[int] | None = None
        with path.open("rb") as raw:
            raw.seek(0, 2)
            if raw.tell() < 12:
                raise UnreadableFile(_CUT, field="file")
            raw.seek(-4, 2)
            if raw.read(4) != MAGIC:
                raise UnreadableFile(_CUT, field="file")
        try:
            with pq.ParquetFile(path) as file:
                self._arrow_schema: pa.Schema = file.schema_arrow
                self.row_count: int = file.metadata.num_rows
                declared = sum(
                    file.metadata.row_group(i).total_byte_size
                    for i in range(file.metadata.num_row_groups)
                )
        except (pa.ArrowException, OSError) as error:
            raise UnreadableFile(_DAMAGED, field="file") from error
        self.schema: Schema = schema_from_arrow(self._arrow_schema)
        if self.row_count == 0:
            raise NoRows("The file has columns, but no rows.", field="file")
        self._check_size(max(declared, self.row_count * len(self.schema) // 8))

    @property
    def description(self) -> dict[str, str]:
        """Nothing had to be found out."""
        return {}

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
        ExpandsTooMuch
            The values together pass ``limits.expanded_bytes``.
        UnreadableFile
            A page does not decode.
        DomainError
            Any refusal of :func:`datasets.schema.arrow.normalise_batch` and
            :class:`datasets.formats.nul_text.NulGate`.
        """
        wanted = schema or self.schema
        stored_names = check_names(self._arrow_schema.names)
        missing = [column.name for column in wanted if column.name not in stored_names]
        if missing:
            raise SchemaMismatch(f"Column {missing[0]!r} is missing.", field="file")
        gate, size = NulGate(self._quarantine), 0
        for batch in self._raw_batches():
            size += sum(expanded_bytes(array) for array in batch.columns)
            self._check_size(size)
            typed = normalise_batch(batch, wanted, first_row=gate.rows + 1)
            kept = gate.pass_rows(typed)
            self.row_numbers = gate.numbers
            if kept.num_rows:
                yield kept
            if progress is not None:
                progress(min(1.0, gate.rows / self.row_count))
        if gate.rows != self.row_count:
            raise UnreadableFile(_DAMAGED, field="file")
        gate.end()

    def _raw_batches(self) -> Iterator[pa.RecordBatch]:
        texts = [
            field.name
            for field in self._arrow_schema
            if pt.is_string(field.type) or pt.is_large_string(field.type)
        ]
        try:
            with pq.ParquetFile(self._path, read_dictionary=texts) as file:
                for batch in file.iter_batches(
                    batch_size=self._limits.batch_rows, use_threads=False
                ):
                    batch.validate(full=True)
                    yield batch
        except (pa.ArrowException, OSError) as error:
            raise UnreadableFile(_DAMAGED, field="file") from error

    def _check_size(self, size: int) -> None:
        if size > self._limits.expanded_bytes:
            raise ExpandsTooMuch(
                f"The file expands to more than {self._limits.expanded_bytes / (1 << 30):g} GB.",
                field="file",
            )
