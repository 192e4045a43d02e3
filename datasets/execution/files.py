"""From a file on disk to rows in the lake, whoever brought the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.conf import settings

from datasets.execution.declared import reading_schema
from datasets.execution.writing import Mode, Progress, WrittenVersion, write_version
from datasets.formats import Limits, open_source
from datasets.models import Dataset, DatasetVersion
from datasets.profile import ProfileNote
from datasets.schema import enforced
from datasets.selectors import active_schema

_READING_SHARE = 0.4
#: Their first row of data is row 2 of the file.
_FORMATS_WITH_HEADER = frozenset({"csv"})


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """The rows of a file in the lake, and how the file was read (format, encoding, …)."""

    version: WrittenVersion
    source: Mapping[str, Any]


def write_file(
    *,
    dataset: Dataset,
    path: Path,
    filename: str,
    transaction_id: str,
    scratch: Path,
    mode: Mode = "replace",
    parent: DatasetVersion | None = None,
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
    progress
        Told the share of the work that is done and the stage, in the caller's thread; what it raises stops
        the work.

    Raises
    ------
    DomainError
        A refusal of the file or its rows (:mod:`datasets.errors`).
    """
    assert scratch.is_dir()
    tell = progress or _ignore
    tell(0.0, "reading")
    source = open_source(
        path,
        filename=filename,
        limits=Limits(expanded_bytes=2 * settings.UPLOAD_MAX_BYTES),
        progress=lambda part: tell(_READING_SHARE * part, "reading"),
    )
    base = parent if mode == "append" else None
    declared = active_schema(dataset)
    wanted = reading_schema(source.schema, declared, base)
    first_row = 2 if source.format in _FORMATS_WITH_HEADER else 1

    def rows() -> Iterable[pa.RecordBatch]:
        batches = source.batches(wanted)
        if declared is None or wanted is None:
            return batches
        return enforced(batches, wanted, first_row=first_row)

    written = write_version(
        dataset=dataset,
        table_or_batches=rows,
        schema=source.schema if wanted is None else wanted,
        transaction_id=transaction_id,
        mode="replace" if base is None else "append",
        parent=base,
        notes=[ProfileNote(n.column, n.code, n.message) for n in source.notes],
        progress=lambda part, stage: tell(_READING_SHARE + (0.99 - _READING_SHARE) * part, stage),
    )
    return WrittenFile(written, {"format": source.format, **source.description})


def _ignore(fraction: float, stage: str) -> None:
    """Nobody wants to know."""
