"""Instances as columns: for those that arrive so, one mapping for each would be made only to be taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from models_registry.signatures import Columns


@dataclass(frozen=True, slots=True)
class FeatureBlock:
    """n instances as columns, for those who sent them so.

    Attributes
    ----------
    columns
        One list or array of n values for each name.
    """

    names: Sequence[str]
    columns: Sequence[Any]

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def records(self) -> list[dict[str, Any]]:
        """Return the instances as one mapping each."""
        listed = [
            values.tolist() if isinstance(values, np.ndarray) else values for values in self.columns
        ]
        return [dict(zip(self.names, row, strict=True)) for row in zip(*listed, strict=True)]

    @classmethod
    def tells_all(cls, columns: Columns) -> bool:
        """Whether checked rows still say what was sent: an empty text may stand for null."""
        fields = columns.signature.text
        return not any(
            field.nullable and not all(words)
            for field, words in zip(fields, columns.text, strict=True)
        )

    @classmethod
    def of(cls, columns: Columns) -> FeatureBlock:
        """Return checked rows as they are logged: truth values and integers as such, null for NaN."""
        numbers = iter(range(columns.numeric.shape[1]))
        words = iter(columns.text)
        values: list[Any] = []
        for field in columns.signature.inputs:
            if not field.is_numeric:
                column = next(words).tolist()
                values.append([word or None for word in column] if field.nullable else column)
                continue
            column = np.ascontiguousarray(columns.numeric[:, next(numbers)])
            has_missing = field.nullable and bool(np.isnan(column).any())
            if field.type == "number" or (has_missing and field.type == "integer"):
                values.append(column)
            elif has_missing:
                values.append(
                    [None if value != value else bool(value) for value in column.tolist()]
                )
            else:
                values.append(column.astype(bool) if field.type == "boolean" else _integers(column))
        return cls(columns.signature.names, values)


def _integers(column: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return whole numbers as integers; the double of the largest one, 2**63, is larger than it."""
    fits = column < 2.0**63
    return np.where(fits, np.where(fits, column, 0.0).astype(np.int64), np.iinfo(np.int64).max)


def instances_of(
    given: Sequence[Mapping[str, Any]] | FeatureBlock | None, body: bytes | None
) -> Sequence[Mapping[str, Any]] | FeatureBlock:
    """Return the instances that were read, or else those of the body."""
    if given is not None:
        return given
    assert body is not None, "where no instances are given, a body has them"
    found: Sequence[Mapping[str, Any]] = orjson.loads(body)["instances"]
    return found
