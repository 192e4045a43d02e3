"""Text with a NUL character, which Parquet and Arrow can hold: the database that keeps profiles and samples cannot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from datasets.formats.bad_rows import Quarantine, unreadable_refusal


def readable_rows(
    batch: pa.RecordBatch, *, first_row: int, quarantine: Quarantine | None
) -> tuple[pa.RecordBatch, Sequence[int]]:
    """Return the rows without a NUL in their text, and their numbers; each other one is put aside.

    Parameters
    ----------
    batch
        Rows whose texts are plain Arrow strings.
    first_row
        The number of the first of them in the file.
    quarantine
        Takes the rows with a NUL; without one they refuse the whole.

    Raises
    ------
    UnreadableRows
        There is such a row, and no quarantine.
    TooManyBadRows
        There are more than may be.
    """
    numbers = range(first_row, first_row + batch.num_rows)
    found = _columns_with_nul(batch)
    if not found:
        return batch, numbers
    reasons = {at: f"column {name[:60]!r} holds a NUL character" for at, name in found.items()}
    positions = sorted(found)
    if quarantine is None:
        raise unreadable_refusal([(numbers[at], reasons[at]) for at in positions])
    for at in positions:
        raw = "; ".join(
            f"{name}={'' if value is None else value}"
            for name, value in batch.slice(at, 1).to_pylist()[0].items()
        )
        quarantine.add(
            numbers[at], reasons[at], raw=raw.replace("\x00", "\\u0000"), column=found[at]
        )
    keep = np.isin(np.arange(batch.num_rows), positions, invert=True)
    return batch.filter(pa.array(keep)), [number for at, number in enumerate(numbers) if keep[at]]


def _columns_with_nul(batch: pa.RecordBatch) -> dict[int, str]:
    """Return the positions of rows with a NUL, each with the first column that has one."""
    found: dict[int, str] = {}
    for field, values in zip(batch.schema, batch.columns, strict=True):
        if pt.is_string(field.type) and _may_hold_nul(values):
            for at in pc.indices_nonzero(pc.match_substring(values, "\x00")).to_pylist():
                found.setdefault(at, field.name)
    return found


def _may_hold_nul(values: pa.StringArray) -> bool:
    """Whether a byte of the texts is zero: no more than their smallest byte has to be found for that."""
    _, offsets, data = values.buffers()
    if len(values) == 0 or offsets is None or data is None:
        return False
    ends = np.frombuffer(offsets, np.int32)
    start, end = ends[values.offset], ends[values.offset + len(values)]
    return bool(end > start and np.frombuffer(data, np.uint8)[start:end].min() == 0)
