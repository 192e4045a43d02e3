"""The columns that steps work on: plain arrays, so that one row costs microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]

_FLOAT32_MAX = float(np.finfo(np.float32).max)
#: A whole number below this is written as one; it is far above what float32 carries exactly.
_WHOLE_BELOW = 1e15
_LONGEST_NUMBER = 40


class Kind(StrEnum):
    """What a column of a recipe holds."""

    NUMBER = "number"
    TEXT = "text"
    MOMENT = "moment"


_KINDS_OF_TYPES: Mapping[str, Kind] = {"string": Kind.TEXT, "timestamp": Kind.MOMENT}


@dataclass(frozen=True, slots=True)
class Values:
    """n rows as columns.

    Attributes
    ----------
    columns
        float64 arrays, in which NaN is missing, or object arrays of text, in which ``""`` is missing. Moments
        are text in ISO 8601.
    """

    columns: Mapping[str, Array]
    row_count: int

    def with_columns(self, changed: Mapping[str, Array], without: Iterable[str] = ()) -> Values:
        """Return these columns with some replaced (in their place) or added (at the end), less some."""
        kept = {**self.columns, **changed}
        for name in without:
            del kept[name]
        return Values(kept, self.row_count)

    def take(self, rows: npt.NDArray[Any] | slice) -> Values:
        """Return some of the rows."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        count = len(np.arange(self.row_count)[rows])
        return Values(columns, count)


def values_of(frame: pd.DataFrame, kinds: Mapping[str, Kind] | None = None) -> Values:
    """Return a frame's columns: numbers and truth values as float64, moments and all others as text.

    Parameters
    ----------
    kinds
        What each column was when the steps were fitted: a column without any value does not say.
    """
    columns = {str(name): _array(frame[name]) for name in frame.columns}
    return Values(values_as(columns, kinds or {}), len(frame))


def values_as(columns: Mapping[str, Array], kinds: Mapping[str, Kind]) -> dict[str, Array]:
    """Return columns, those that are of another kind than they were when the steps were fitted converted."""
    found = dict(columns)
    for name, kind in kinds.items():
        is_text = found[name].dtype == object
        if is_text and kind is Kind.NUMBER:
            found[name] = numbers_of(found[name])
        elif not is_text and kind is not Kind.NUMBER:
            found[name] = texts_of(found[name])
    return found


def kinds_of(values: Values, moments: Iterable[str] = ()) -> dict[str, Kind]:
    """Return the kind of each column; text says by itself not whether it is a moment."""
    named = frozenset(moments)
    return {name: _kind(column, name in named) for name, column in values.columns.items()}


def kinds_of_types(types: Mapping[str, str]) -> dict[str, Kind]:
    """Return the kind that a recipe sees in a column of each type of a dataset's schema."""
    return {name: _KINDS_OF_TYPES.get(kind, Kind.NUMBER) for name, kind in types.items()}


def _kind(column: Array, is_moment: bool) -> Kind:
    if is_moment:
        return Kind.MOMENT
    return Kind.TEXT if column.dtype == object else Kind.NUMBER


def frame_of(values: Values, index: pd.Index | None = None) -> pd.DataFrame:
    """Return columns as a frame of float32 and text; numbers beyond float32 are missing there."""
    data = {
        name: pd.Series(column, dtype=object) if column.dtype == object else as_float32(column)
        for name, column in values.columns.items()
    }
    frame = pd.DataFrame(data, index=pd.RangeIndex(values.row_count), columns=list(data))
    if index is not None:
        frame.index = index
    return frame


def as_float32(column: Array) -> npt.NDArray[np.float32]:
    """Return numbers as float32; those that do not fit are missing."""
    with np.errstate(invalid="ignore"):
        fits = np.abs(column) <= _FLOAT32_MAX
    if not fits.all():
        column = np.where(fits, column, np.nan)
    return column.astype(np.float32)


def moment_texts(column: pd.Series[Any]) -> Array:
    """Return moments as ISO 8601 text in UTC, such as ``2026-01-31T08:30:00Z``; ``""`` where missing."""
    moments = column.dt.tz_convert("UTC") if column.dt.tz is not None else column
    plain = moments.to_numpy(dtype="datetime64[us]")
    unit = "us" if (plain[~np.isnat(plain)].astype(np.int64) % 1_000_000).any() else "s"
    written: list[str] = np.datetime_as_string(plain, unit=unit).tolist()  # type: ignore[call-overload]
    return texts(["" if text == "NaT" else f"{text}Z" for text in written])


def texts_of(column: Array) -> Array:
    """Return a column as text: whole numbers without a point, others with six digits (float32 has no more)."""
    if column.dtype == object:
        return column
    found = np.empty(len(column), dtype=object)
    found[:] = [_number_text(value) for value in column.tolist()]
    return found


def numbers_of(column: Array) -> Array:
    """Return a column as numbers: text that is none is missing."""
    if column.dtype != object:
        return column
    return np.array([_text_number(value) for value in column], dtype=np.float64)


def _text_number(text: str) -> float:
    """Return a text as a number, NaN when it is none; Python's ``1_000`` and ``inf`` are none."""
    if len(text) > _LONGEST_NUMBER or "_" in text:
        return np.nan
    try:
        value = float(text)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) else np.nan


def texts(values: Sequence[str]) -> Array:
    """Return a sequence of text as a column."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def is_missing(column: Array) -> npt.NDArray[np.bool_]:
    """Return for each row whether it has no value."""
    missing = column == "" if column.dtype == object else np.isnan(column)
    return np.asarray(missing, dtype=bool)


def _number_text(value: float) -> str:
    if value != value:
        return ""
    if value == int(value) if abs(value) < _WHOLE_BELOW else False:
        return str(int(value))
    return f"{value:.6g}"


def _array(column: pd.Series[Any]) -> Array:
    kind = column.dtype
    if pd.api.types.is_datetime64_any_dtype(kind):
        return moment_texts(column)
    if pd.api.types.is_numeric_dtype(kind):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    found = column.astype(object).to_numpy()
    if all(type(value) is str for value in found):
        return found
    present = [value for value in found if not _absent(value)]
    if present and all(isinstance(value, bool) for value in present):
        return np.array([np.nan if _absent(value) else float(value) for value in found])
    return texts(["" if _absent(value) else str(value) for value in found])


def _absent(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value
