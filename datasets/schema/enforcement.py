"""Holding typed rows to a schema: which values may not be there, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from core.errors import FieldError
from datasets.errors import SchemaViolated
from datasets.schema.columns import Column, Schema

#: No more violations than this are listed in a refusal.
MOST_EXAMPLES = 20
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that the schema does not allow: where it is, what it is, and why not."""

    row: int
    column: str
    value: Any
    reason: str


def violations(batch: pa.RecordBatch, schema: Schema, *, first_row: int = 1) -> Iterator[Violation]:
    """Yield what in a batch of typed rows breaks nullability, range or categories, column by column.

    Whoever puts bad rows aside instead of refusing the file takes the rows from here.

    Parameters
    ----------
    first_row
        The number of the batch's first row.
    """
    for column in schema:
        values = batch.column(column.name)
        if not column.nullable and values.null_count:
            for at in pc.indices_nonzero(pc.is_null(values)).to_pylist():
                yield Violation(first_row + at, column.name, None, "a value is required")
        if column.limits:
            yield from _beyond_limits(values, column, first_row)


def _beyond_limits(values: pa.Array, column: Column, first_row: int) -> Iterator[Violation]:
    wrong = column.limits.misfits(values)
    if not pc.any(wrong).as_py():
        return
    for at in pc.indices_nonzero(wrong).to_pylist():
        value = values[at].as_py()
        reason = column.limits.complaint(value) or "breaks the limits of the schema"
        yield Violation(first_row + at, column.name, value, reason)


def enforced(
    batches: Iterable[pa.RecordBatch], schema: Schema, *, first_row: int = 1
) -> Iterator[pa.RecordBatch]:
    """Yield the batches as they are, as long as they hold to the schema.

    Raises
    ------
    SchemaViolated
        With row, column and reason of the first values that do not.
    """
    if not any(column.limits or not column.nullable for column in schema):
        yield from batches
        return
    row = first_row
    for batch in batches:
        found = violations(batch, schema, first_row=row)
        first = next(found, None)
        if first is not None:
            raise violations_refused([first, *found])
        row += batch.num_rows
        yield batch


def violations_refused(found: list[Violation]) -> SchemaViolated:
    """Return the refusal that names the first of some violations."""
    shown = sorted(found, key=lambda one: one.row)[:MOST_EXAMPLES]
    first = shown[0]
    more = f" (and {len(found) - 1} more near it)" if len(found) > 1 else ""
    return SchemaViolated(
        f"Row {first.row}, column {first.column!r}: {_said(first)}{more}.",
        errors=[
            FieldError("file", f"row {one.row}, column {one.column!r}: {_said(one)}")
            for one in shown
        ],
        rows=[one.row for one in shown],
    )


def _said(one: Violation) -> str:
    if one.value is None:
        return one.reason
    return f"{str(one.value)[:_SHOWN_CHARACTERS]!r} {one.reason}"
