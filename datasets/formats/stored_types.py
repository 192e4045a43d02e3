"""What Parquet and Arrow files have in common: types of their own, brought into those of a dataset."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from datasets.formats.source import SourceNote
from datasets.schema import ColumnType, Schema


def stored_type_notes(schema: Schema, stored: pa.Schema) -> tuple[SourceNote, ...]:
    """Return what was decided about columns whose types a dataset has not exactly."""
    notes: list[SourceNote] = []
    for column, field in zip(schema, stored, strict=True):
        if pt.is_timestamp(field.type) and field.type.tz is None:
            text = "The times name no zone and were taken to be UTC."
            notes.append(SourceNote(column.name, "zone_assumed", text))
        if pt.is_timestamp(field.type) and field.type.unit == "ns":
            text = "Times in nanoseconds are kept to the microsecond."
            notes.append(SourceNote(column.name, "nanoseconds_cut", text))
        if pt.is_decimal(field.type) and column.type is ColumnType.NUMBER:
            text = "Decimal numbers became doubles, which carry their digits exactly."
            notes.append(SourceNote(column.name, "decimal_as_double", text))
        if pt.is_decimal(field.type) and column.type is ColumnType.STRING:
            text = "The column is text: a double cannot carry all digits of its decimal numbers."
            notes.append(SourceNote(column.name, "inexact_decimals", text))
    return tuple(notes)


def expanded_bytes(array: pa.Array) -> int:
    """Return the bytes that an array takes once dictionaries are spread out."""
    if not pt.is_dictionary(array.type):
        return int(array.nbytes)
    if not (pt.is_string(array.type.value_type) or pt.is_large_string(array.type.value_type)):
        return int(array.nbytes) + 16 * len(array)
    lengths = pc.binary_length(array.dictionary)
    return int(pc.sum(pc.take(lengths, array.indices)).as_py() or 0) + 4 * len(array)
