"""What every format offers to the ingestion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from datasets.schema import Schema

ReadProgress = Callable[[float], None]
"""Called with the fraction (0 to 1) of the file that has been read."""


@dataclass(frozen=True, slots=True)
class SourceNote:
    """Something about a column that was decided for the user and should be seen by them."""

    column: str
    code: str
    message: str


class Source(Protocol):
    """A file whose structure and types are known, ready to be read any number of times."""

    @property
    def format(self) -> str:
        """``csv`` or ``parquet``."""
        ...

    @property
    def description(self) -> dict[str, str]:
        """How the file was read (encoding, delimiter), for the provenance of the version."""
        ...

    @property
    def schema(self) -> Schema:
        """The schema that all rows of the file allow."""
        ...

    @property
    def notes(self) -> tuple[SourceNote, ...]:
        """What was decided on the way."""
        ...

    def batches(
        self, schema: Schema | None = None, *, progress: ReadProgress | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, as the types of ``schema`` (the file's own, when absent)."""
        ...
