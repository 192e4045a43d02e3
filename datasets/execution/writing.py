"""Writing the rows of a version to the lake, and measuring what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pyarrow as pa

from datasets import lake
from datasets.digest import RowsDigest
from datasets.errors import LakeBusy, NoRows, SchemaMismatch
from datasets.models import Dataset, DatasetVersion
from datasets.profile import ProfileNote, TableStream, role_of
from datasets.schema import Schema
from datasets.schema.arrow import normalise_batch, schema_from_arrow
from datasets.selectors import active_schema, latest_ready_version

Mode = Literal["replace", "append"]
Progress = Callable[[float, str], None]
"""Told the fraction (0 to 1) of the work that is done, and the name of the stage."""

_PARENT_SHARE = 0.3
_BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class WrittenVersion:
    """Rows that are in the lake, and everything about them that a version row records."""

    delta_version: int
    row_count: int
    size_bytes: int
    sha256: str
    schema: Schema
    profile: dict[str, Any] = field(repr=False)
    parent_id: int | None = None
    lake_generation: int = 0


def write_version(
    *,
    dataset: Dataset,
    table_or_batches: pa.Table | Iterable[pa.RecordBatch] | Callable[[], Iterable[pa.RecordBatch]],
    transaction_id: str,
    mode: Mode = "replace",
    schema: Schema | None = None,
    parent: DatasetVersion | None = None,
    notes: Sequence[ProfileNote] | Callable[[], Sequence[ProfileNote]] = (),
    progress: Progress | None = None,
) -> WrittenVersion:
    """Write rows as the content of a new version, and measure them as they pass by.

    Call it outside a transaction; it may take long. A second call with the same ``transaction_id``
    writes nothing and measures again. The digest is over *all* rows of the version, in append mode
    those of the parent included: they are read once more for it, and not written again. Memory is bounded
    by a few batches, however many rows there are.

    Parameters
    ----------
    dataset
        Whose version it becomes.
    table_or_batches
        The rows: a table, batches, or a function that gives batches.
    transaction_id
        Names this write for good, e.g. the id of the job.
    mode
        ``replace``: the version has these rows only; ``append``: the rows of the parent come first.
    schema
        What the rows are; read off the first batch, when absent. In append mode the parent's schema
        counts.
    parent
        The version to append to; the newest ready one, when absent. Without any, ``append`` is
        ``replace``.
    notes
        What was remarkable about the source, kept in the profile; a function is called when all rows
        have been read.
    progress
        Called in the caller's thread; what it raises stops the work.

    Raises
    ------
    DomainError
        A refusal of the rows (:mod:`datasets.errors`), or :class:`LakeBusy`.
    """
    base = (parent or latest_ready_version(dataset)) if mode == "append" else None
    rows = _Rows(table_or_batches, schema)
    wanted = rows.schema
    if base is not None:
        wanted = _fitting(rows.schema, Schema.from_dict(base.schema))
    tell = progress or _ignore
    path = lake.dataset_path(dataset)

    measured = _Measure(wanted)
    before = 0.0
    if base is not None and base.delta_version is not None:
        before = _PARENT_SHARE
        measured.read(
            path, base.delta_version, lambda part: tell(before * part, "reading the parent")
        )
    written = lake.write_version_rows(
        path,
        wanted,
        lambda: rows.typed(wanted),
        transaction_id=transaction_id,
        append_to=None if base is None else base.delta_version,
        observe=measured.update,
        on_wait=lambda: tell(before + (0.99 - before) * rows.fraction, "writing rows"),
    )
    if not written.is_new:
        # An earlier attempt wrote the rows and did not live to tell: what counts is what is there.
        measured = _Measure(wanted)
        measured.read(path, written.delta_version, lambda part: tell(part, "measuring"))
    tell(1.0, "recording")
    version = measured.version(
        written,
        declared=active_schema(dataset),
        parent_id=None if base is None else base.pk,
        notes=_all_notes(notes),
    )
    return replace(version, lake_generation=dataset.lake_generation)


def _ignore(fraction: float, stage: str) -> None:
    """Nobody wants to know."""


class _Rows:
    """The rows to write, whatever they came in, as batches that can be asked for again."""

    def __init__(
        self,
        given: pa.Table | Iterable[pa.RecordBatch] | Callable[[], Iterable[pa.RecordBatch]],
        schema: Schema | None,
    ) -> None:
        self._is_spent = False
        self._total: int | None = None
        self._seen = 0
        if isinstance(given, pa.Table):
            self._total = given.num_rows
            self._open: Callable[[], Iterable[pa.RecordBatch]] = lambda: given.to_batches(
                max_chunksize=_BATCH_ROWS
            )
            self.schema = schema or schema_from_arrow(given.schema)
            return
        if callable(given):
            self._open = given
        elif isinstance(given, Iterator):
            self._open = lambda: self._once(given)
        else:
            self._open = lambda: given
        self.schema = schema or self._peek()

    def _once(self, given: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        if self._is_spent:
            raise LakeBusy("Another writer came first, and the rows cannot be read a second time.")
        self._is_spent = True
        return given

    def _peek(self) -> Schema:
        batches = iter(self._open())
        first = next(batches, None)
        if first is None:
            raise NoRows("There are no rows to write.", field="file")
        if self._is_spent:
            rest, self._is_spent = _chain(first, batches), False
            self._open = lambda: self._once(rest)
        return schema_from_arrow(first.schema)

    @property
    def fraction(self) -> float:
        """Share of the rows that have been handed out, as far as it is known."""
        return min(1.0, self._seen / self._total) if self._total else 0.0

    def typed(self, schema: Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows with the Arrow types of ``schema``."""
        self._seen = 0
        target = schema.to_arrow()
        for batch in self._open():
            exact = batch.schema.equals(target)
            yield batch if exact else normalise_batch(batch, schema, first_row=self._seen + 1)
            self._seen += batch.num_rows


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _fitting(found: Schema, existing: Schema) -> Schema:
    """Return the schema of the dataset, after a check that the rows have exactly its columns."""
    missing = [name for name in existing.names if name not in found]
    extra = [name for name in found.names if name not in existing]
    if missing or extra:
        said = [
            f"{what} {', '.join(repr(name) for name in names[:10])}"
            for what, names in (("missing:", missing), ("not in the dataset:", extra))
            if names
        ]
        raise SchemaMismatch(
            f"The rows to append do not have the columns of the dataset ({'; '.join(said)}).",
            field="file",
        )
    return existing


def _all_notes(
    notes: Sequence[ProfileNote] | Callable[[], Sequence[ProfileNote]],
) -> list[ProfileNote]:
    return list(notes() if callable(notes) else notes)


class _Measure:
    """Digest and profile of all rows of a version, taken while they pass by."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._digest = RowsDigest(schema)
        self._profile = TableStream(schema)

    def update(self, batch: pa.RecordBatch) -> None:
        self._digest.update(batch)
        self._profile.update(batch)

    def read(self, path: str, delta_version: int, progress: Callable[[float], None]) -> None:
        """Take in the rows of a pinned version, which stay where they are."""
        total = max(1, lake.pinned_row_count(path, delta_version))
        for batch in lake.iter_pinned(path, delta_version, self._schema):
            self.update(batch)
            progress(min(1.0, self._profile.row_count / total))

    def version(
        self,
        written: lake.LakeWrite,
        *,
        declared: Schema | None,
        parent_id: int | None,
        notes: Sequence[ProfileNote],
    ) -> WrittenVersion:
        profile = self._profile.profile(notes)
        columns = profile.columns
        described = self._schema.with_nullable(frozenset(p.name for p in columns if p.nulls))
        described = described.with_roles({p.name: role_of(p) for p in columns})
        if declared is not None:
            described = described.declared_by(declared)
        return WrittenVersion(
            delta_version=written.delta_version,
            row_count=profile.row_count,
            size_bytes=lake.pinned_size_bytes(written.path, written.delta_version),
            sha256=self._digest.hexdigest(),
            schema=described,
            profile=profile.to_dict(),
            parent_id=parent_id,
        )
