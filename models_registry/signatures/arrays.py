"""Rows that arrive as arrays or lists of values instead of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.schema.coercion import LARGEST_EXACT
from models_registry.signatures.columns import Columns, columns_from_records
from models_registry.signatures.errors import InputRefused, RowComplaint
from models_registry.signatures.magnitudes import are_below
from models_registry.signatures.signature import Field, Signature

Values = npt.NDArray[Any] | Sequence[Any]
"""n values of one column: an array of shape (n,), or a list of numbers, text, truth values and None."""


def columns_from_rows(signature: Signature, rows: Sequence[Sequence[Any]]) -> Columns:
    """Check rows of values, in the order of the signature's inputs.

    Raises
    ------
    InputRefused
        A row has another number of values than the signature has inputs, or a value does not fit.
    """
    width = len(signature.inputs)
    wrong = [row for row, values in enumerate(rows) if len(values) != width]
    if wrong:
        raise InputRefused(
            [
                RowComplaint(row, "", f"{len(rows[row])} values were sent, the model takes {width}")
                for row in wrong
            ]
        )
    names = signature.names
    return columns_from_records(signature, [dict(zip(names, row, strict=True)) for row in rows])


def columns_from_matrix(signature: Signature, matrix: npt.NDArray[Any]) -> Columns:
    """Check an array of shape (n, number of inputs), its columns in the order of the inputs; NaN is null.

    Raises
    ------
    InputRefused
        The width is another one, or a value does not fit.
    """
    width = len(signature.inputs)
    if matrix.ndim != 2 or matrix.shape[1] != width:
        shape = "×".join(map(str, matrix.shape))
        raise InputRefused(
            [RowComplaint(0, "", f"an array of {shape} values was sent, the model takes n×{width}")]
        )
    is_plain = matrix.dtype.kind in "fiu" and all(
        field.type == "number" for field in signature.inputs
    )
    if is_plain:
        block = np.ascontiguousarray(matrix, dtype=np.float64)
        if _fits(block, signature.inputs):
            return Columns(signature, block, (), len(block))
    return columns_from_arrays(
        signature, {name: matrix[:, at] for at, name in enumerate(signature.names)}
    )


def columns_from_arrays(signature: Signature, arrays: Mapping[str, Values]) -> Columns:
    """Check columns by name; NaN in an array stands for null.

    Raises
    ------
    InputRefused
        A column is missing, too many, of another length or holds values that do not fit.
    """
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        shortest = min(lengths, key=lambda name: lengths[name])
        raise InputRefused(
            [RowComplaint(lengths[shortest], shortest, "this column is shorter than others")]
        )
    if set(arrays) != set(signature.names):
        raise InputRefused(_about_names(signature, arrays))
    count = next(iter(lengths.values()), 0)
    fast = _all_numbers(signature, arrays, count)
    if fast is not None:
        return fast
    lists = [_plain(arrays[name]) for name in signature.names]
    return columns_from_records(
        signature,
        [dict(zip(signature.names, row, strict=True)) for row in zip(*lists, strict=True)],
    )


def _all_numbers(signature: Signature, arrays: Mapping[str, Values], count: int) -> Columns | None:
    """Return the columns when all are arrays of numbers that fit; None when values must be looked at."""
    if signature.text or count == 0:
        return None
    block = np.empty((count, len(signature.numeric)), dtype=np.float64)
    for at, field in enumerate(signature.numeric):
        values = arrays[field.name]
        if not isinstance(values, np.ndarray) or values.dtype.kind not in (
            "b" if field.type == "boolean" else "fiu"
        ):
            return None
        block[:, at] = values
    return Columns(signature, block, (), count) if _fits(block, signature.numeric) else None


def _fits(block: npt.NDArray[np.float64], fields: Sequence[Field]) -> bool:
    """Whether all numbers of a block of shape (n, number of fields) are surely values of their fields.

    What is larger may be an integer that a double cannot carry, or none: such values are looked at one by one.
    """
    missing = np.isnan(block)
    if missing.any():
        if missing[:, [not field.nullable for field in fields]].any():
            return False
        block = np.where(missing, 0.0, block)
    if not are_below(block, LARGEST_EXACT):
        return False
    whole = [field.type == "integer" for field in fields]
    return not (any(whole) and (block[:, whole] % 1).any())


def _plain(values: Values) -> list[Any]:
    """Return Python values, with None for NaN."""
    listed: list[Any] = values.tolist() if isinstance(values, np.ndarray) else list(values)
    # NaN is the one value that differs from itself.
    return [None if value != value else value for value in listed]


def _about_names(signature: Signature, arrays: Mapping[str, Values]) -> list[RowComplaint]:
    extra = sorted(set(arrays) - set(signature.names))
    missing = [name for name in signature.names if name not in arrays]
    return [
        *(RowComplaint(0, name, "the model has no such column") for name in extra),
        *(RowComplaint(0, name, "this column is missing") for name in missing),
    ]
