"""Rows of a dataset as a model takes them: from Arrow to NumPy, without pandas.

A row that the signature refuses does not stop millions of others: it is scored as zeros, its answer is thrown
away, and it is said what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datasets.schema import ColumnType, Schema
from datasets.schema.coercion import LARGEST_EXACT
from models_registry.signatures.columns import Columns
from models_registry.signatures.signature import Field, Signature

_FLOAT32_MAX = float(np.finfo(np.float32).max)

#: Which logical types of a dataset can be an input of each type.
_TAKES: Mapping[str, frozenset[ColumnType]] = {
    "number": frozenset({ColumnType.NUMBER, ColumnType.INTEGER}),
    "integer": frozenset({ColumnType.INTEGER, ColumnType.NUMBER}),
    "boolean": frozenset({ColumnType.BOOLEAN}),
    "string": frozenset({ColumnType.STRING}),
}


@dataclass(frozen=True, slots=True)
class ReadRows:
    """n rows for a model.

    Attributes
    ----------
    refused
        Shape (n,): rows that do not fit the signature; their values are placeholders.
    problems
        For each refused row, by its place, the first thing that is wrong with it.
    """

    columns: Columns
    refused: npt.NDArray[np.bool_]
    problems: Mapping[int, str]


def missing_inputs(signature: Signature, schema: Schema) -> dict[str, str]:
    """Return by column why rows of this schema cannot be scored by a model; empty when they can."""
    found: dict[str, str] = {}
    for field in signature.inputs:
        if field.name not in schema:
            found[field.name] = "The model takes this column, the dataset has none of that name."
            continue
        given = schema.column(field.name).type
        takes = _TAKES[field.type] if field.format is None else _TAKES[field.type] | {_MOMENT}
        if given not in takes:
            found[field.name] = f"The model takes a {field.type}, the dataset has a {given.value}."
    return found


_MOMENT = ColumnType.TIMESTAMP


def read_rows(signature: Signature, batch: pa.RecordBatch) -> ReadRows:
    """Return the rows of a batch, whose columns have the types of a dataset, as a model takes them."""
    count = batch.num_rows
    numeric = np.empty((count, len(signature.numeric)), dtype=np.float64)
    refused = np.zeros(count, dtype=np.bool_)
    problems: dict[int, str] = {}
    for place, field in enumerate(signature.numeric):
        column = batch.column(field.name)
        values = _numbers(column)
        wrong = _complaints(field, column, values)
        for mask, complaint in wrong:
            _refuse(mask, f"{field.name}: {complaint}", refused, problems)
            values = np.where(mask, 0.0, values)
        numeric[:, place] = values
    texts = []
    for field in signature.text:
        column = batch.column(field.name)
        for mask, complaint in _complaints(field, column, None):
            _refuse(mask, f"{field.name}: {complaint}", refused, problems)
        texts.append(_texts(column))
    return ReadRows(Columns(signature, numeric, tuple(texts), count), refused, problems)


def _numbers(column: pa.Array) -> npt.NDArray[np.float64]:
    """Return a column as float64, NaN for null; integers that a double does not carry are rounded."""
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    values: npt.NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
    return values


def _texts(column: pa.Array) -> npt.NDArray[np.object_]:
    if pa.types.is_timestamp(column.type):
        column = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    # Few distinct words: each becomes one Python object, not one for each row.
    encoded = column.fill_null("").dictionary_encode()
    words = np.asarray(encoded.dictionary.to_pylist(), dtype=object)
    taken: npt.NDArray[np.object_] = words[encoded.indices.to_numpy(zero_copy_only=False)]
    return taken


def _complaints(
    field: Field, column: pa.Array, values: npt.NDArray[np.float64] | None
) -> list[tuple[npt.NDArray[np.bool_], str]]:
    """Return masks of the rows that a field refuses, each with the reason."""
    found: list[tuple[npt.NDArray[np.bool_], str]] = []
    if column.null_count and not field.nullable:
        nulls = column.is_null(nan_is_null=False).to_numpy(zero_copy_only=False)
        found.append((nulls, "null is not a value of this column"))
    if values is not None and field.type == "number" and not _fits(values):
        with np.errstate(invalid="ignore"):
            found.append((np.abs(values) > _FLOAT32_MAX, "the number is too large"))
    if values is not None and field.type == "number" and pa.types.is_integer(column.type):
        found.append((_is_rounded(column, values), "a double cannot carry this integer exactly"))
    if values is not None and field.type == "integer" and pa.types.is_floating(column.type):
        with np.errstate(invalid="ignore"):
            found.append((np.nan_to_num(values) % 1 != 0, "an integer was expected"))
            found.append(((values < -(2.0**63)) | (values >= 2.0**63), "the number is too large"))
    if field.limits and field.limits.enforce:
        outside = field.limits.misfits(column).to_numpy(zero_copy_only=False)
        found.append((outside, "the value is outside of the limits that the schema enforces"))
    return [(mask, reason) for mask, reason in found if mask.any()]


def _is_rounded(column: pa.Array, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return where a double is another number than the integer that it was made of; never where that is null."""
    beyond = np.abs(np.nan_to_num(values)) >= LARGEST_EXACT
    if beyond.any():
        for row in np.flatnonzero(beyond).tolist():
            beyond[row] = column[row].as_py() != int(values[row])
    return beyond


def _fits(values: npt.NDArray[np.float64]) -> bool:
    """Whether all numbers are there and none is too large: two looks that make no copy."""
    if not len(values):
        return True
    return bool(values.min() >= -_FLOAT32_MAX and values.max() <= _FLOAT32_MAX)


def _refuse(
    mask: npt.NDArray[Any], reason: str, refused: npt.NDArray[np.bool_], problems: dict[int, str]
) -> None:
    for row in np.flatnonzero(mask & ~refused).tolist():
        problems[row] = reason
    refused |= mask
