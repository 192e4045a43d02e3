"""Holding batches of rows to a schema: what it does not allow is put aside, or refuses them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from datasets.formats.bad_rows import Quarantine
from datasets.schema import Schema
from datasets.schema.enforcement import Violation, violations, violations_refused


def allowed_rows(
    batch: pa.RecordBatch,
    schema: Schema,
    *,
    numbers: Sequence[int],
    quarantine: Quarantine | None,
) -> pa.RecordBatch:
    """Return the rows that a schema allows; each other one is put aside with its first violation.

    Parameters
    ----------
    numbers
        Of each row of the batch: its number in the file.
    quarantine
        Takes the rows that are not allowed; without one they refuse the whole.

    Raises
    ------
    SchemaViolated
        There is such a row, and no quarantine.
    TooManyBadRows
        There are more than may be.
    """
    found = list(violations(batch, schema, first_row=0))
    if not found:
        return batch
    if quarantine is None:
        raise violations_refused([replace(one, row=numbers[one.row]) for one in found])
    bad: dict[int, Violation] = {}
    for one in found:
        bad.setdefault(one.row, one)
    for at in sorted(bad):
        raw = "; ".join(str(column[at].as_py()) for column in batch.columns)
        reason = f"column {bad[at].column!r}: {bad[at].reason}"
        quarantine.add(numbers[at], reason, raw=raw, column=bad[at].column)
    return batch.take(pa.array([at for at in range(batch.num_rows) if at not in bad], pa.int64()))
