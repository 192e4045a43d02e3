"""From a file on disk to rows in the lake, whoever brought the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.conf import settings

from datasets import lake
from datasets.execution.declared import reading_schema
from datasets.execution.writing import Mode, Progress, WrittenVersion, write_version
from datasets.formats import Limits, Quarantine, ReadOptions
from datasets.formats.allowed_rows import allowed_rows
from datasets.formats.detection import open_source
from datasets.formats.source import ReadProgress, SchemaRefuted, Source
from datasets.models import Dataset, DatasetVersion
from datasets.profile import ProfileNote
from datasets.schema import Schema
from datasets.schema.enforcement import enforced
from datasets.selectors import active_schema

#: Their first row of data is row 2 of the file.
_FORMATS_WITH_HEADER = frozenset({"csv", "tsv"})
_REFUTED_SHARE = 0.4
"""How far the progress has come at most when the file turns out to be something else."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """The rows of a file in the lake, how it was read (format, encoding, …), and how many rows were put aside."""

    version: WrittenVersion
    source: Mapping[str, Any]
    quarantined_rows: int = 0


def write_file(
    *,
    dataset: Dataset,
    path: Path,
    filename: str,
    transaction_id: str,
    scratch: Path,
    mode: Mode = "replace",
    parent: DatasetVersion | None = None,
    options: ReadOptions | None = None,
    progress: Progress | None = None,
) -> WrittenFile:
    """Write the rows of a file of any supported format as the content of a new version.

    Call it outside a transaction; it may take long. Pass the result's ``version`` to
    :func:`datasets.execution.recording.make_ready` or ``create_ready_version``.

    Parameters
    ----------
    path, filename
        Where the file lies (it is left there), and what it is called: the content decides what it is, the
        ending of the name only has to agree.
    transaction_id
        Names this write for good; when ``parent`` may differ on a second call, its Delta version belongs
        into the name.
    scratch
        An existing folder for files that are needed on the way; the caller removes it.
    mode, parent
        ``append`` with a parent: the parent's rows come first, and its schema counts. ``append`` without a
        parent is ``replace``.
    options
        What to do with rows that cannot be read, and which sheet of a workbook. Rows that are put aside are in
        the dataset's quarantine (:mod:`datasets.lake.quarantine`) before the others are committed.
    progress
        Told the share of the work that is done and the stage, in the caller's thread; what it raises stops
        the work.

    Raises
    ------
    DomainError
        A refusal of the file or its rows (:mod:`datasets.errors`).
    """
    tell = progress or _ignore
    tell(0.0, "reading")
    quarantine = (options or ReadOptions()).quarantine()
    source = open_source(
        path,
        filename=filename,
        limits=Limits(expanded_bytes=2 * settings.UPLOAD_MAX_BYTES),
        progress=lambda _: tell(0.0, "unpacking"),
        scratch=scratch,
        infers=False,
        options=options,
        quarantine=quarantine,
    )
    base = parent if mode == "append" else None
    declared = active_schema(dataset)
    work = _Work(
        dataset=dataset,
        source=source,
        transaction_id=transaction_id,
        base=base,
        wanted=reading_schema(source.supposed_schema, declared, base),
        is_declared=declared is not None,
        quarantine=quarantine,
        tell=tell,
    )
    try:
        written = work.attempt()
    except SchemaRefuted:
        written = work.repeat()
    said: dict[str, Any] = {"format": source.format, **source.description}
    if quarantine is None:
        return WrittenFile(written, said)
    count = lake.count_put_aside(dataset, transaction_id)
    said |= {"quarantined_rows": count, lake.QUARANTINE_KEY: transaction_id}
    return WrittenFile(written, said, count)


@dataclass(frozen=True, slots=True)
class _Work:
    """One pass over the file that mostly is enough, and the second one for when it was not."""

    dataset: Dataset
    source: Source
    transaction_id: str
    base: DatasetVersion | None
    wanted: Schema | None
    is_declared: bool
    quarantine: Quarantine | None
    tell: Progress

    def attempt(self) -> WrittenVersion:
        """Write the rows as what they are wanted to be, or else are supposed to be."""
        if self.wanted is not None:
            return self._write(self._as_wanted, self._wanted_columns, start=0.0)
        return self._write(
            lambda told: self.source.attempt(progress=told), self.source.supposed_schema, start=0.0
        )

    def repeat(self) -> WrittenVersion:
        """Write the rows as what they are known to be now."""
        start = _REFUTED_SHARE
        if self.wanted is not None:
            return self._write(self._as_wanted, self._wanted_columns, start=start)
        self.source.infer(progress=lambda part: self.tell(start * part, "reading"))
        return self._write(
            lambda told: self.source.batches(progress=told), self.source.schema, start=start
        )

    @property
    def _wanted_columns(self) -> Schema:
        # The file's own columns, so that one that the parent does not have is noticed.
        declared = self.wanted if self.is_declared else None
        return declared or self.source.supposed_schema

    def _as_wanted(self, told: ReadProgress) -> Iterable[pa.RecordBatch]:
        assert self.wanted is not None
        batches = self.source.batches(self.wanted, progress=told)
        if not self.is_declared:
            return batches
        if self.quarantine is not None:
            return self._held_to_schema(batches, self.wanted, self.quarantine)
        first_row = 2 if self.source.format in _FORMATS_WITH_HEADER else 1
        return enforced(batches, self.wanted, first_row=first_row)

    def _held_to_schema(
        self, batches: Iterable[pa.RecordBatch], schema: Schema, quarantine: Quarantine
    ) -> Iterator[pa.RecordBatch]:
        """Put the rows aside that the edited schema does not allow."""
        row = good = 0
        for given in batches:
            numbers = self.source.row_numbers or range(row + 1, row + 1 + given.num_rows)
            row += given.num_rows
            batch = allowed_rows(given, schema, numbers=numbers, quarantine=quarantine)
            good += batch.num_rows
            if batch.num_rows:
                yield batch
        quarantine.check(good)

    def _put_aside_last(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows, then write what was put aside: before any of them is committed."""
        yield from batches
        if self.quarantine:
            lake.put_aside(self.dataset, self.quarantine.rows, transaction_id=self.transaction_id)

    def _write(
        self,
        open_rows: Callable[[ReadProgress], Iterable[pa.RecordBatch]],
        schema: Schema,
        *,
        start: float,
    ) -> WrittenVersion:
        read = [0.0]

        def told(part: float) -> None:
            # Called in the thread that writes; whoever watches looks here.
            read[0] = part

        def progress(part: float, stage: str) -> None:
            self.tell(start + (0.99 - start) * max(part, 0.99 * read[0]), stage)

        return write_version(
            dataset=self.dataset,
            table_or_batches=lambda: self._put_aside_last(open_rows(told)),
            schema=schema,
            transaction_id=self.transaction_id,
            mode="replace" if self.base is None else "append",
            parent=self.base,
            notes=lambda: [ProfileNote(n.column, n.code, n.message) for n in self.source.notes],
            progress=progress,
        )


def _ignore(fraction: float, stage: str) -> None:
    """Nobody wants to know."""
