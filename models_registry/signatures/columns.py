"""The columnar request: rows as one numeric block and a few text columns.

The way from JSON records to arrays avoids pandas: the values of all numeric columns are taken out of each
record at once, their Python types are checked as a set, and NumPy converts them in one call. Only when
something is unusual are the values looked at one by one, to say what is wrong with which.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from datasets.schema import ColumnType, NotAValue, coerce
from datasets.schema.coercion import LARGEST_EXACT
from models_registry.signatures.errors import MOST_COMPLAINTS, InputRefused, RowComplaint
from models_registry.signatures.magnitudes import are_below
from models_registry.signatures.moments import is_moment
from models_registry.signatures.rows import ReadBody
from models_registry.signatures.signature import Field, Signature

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = frozenset({int, float})
_FLOAT32_MAX = float(np.finfo(np.float32).max)


class Columns(NamedTuple):
    """n rows that fit a signature.

    Attributes
    ----------
    numeric
        float64, shape (n, number of numeric inputs); NaN stands for null, truth values are 0 and 1.
    text
        One object array of shape (n,) for each text input; ``""`` stands for null.
    unseen
        (row, column) of each category that training did not see.
    outside
        (row, column) of each value outside of the limits that the dataset's schema states.
    """

    signature: Signature
    numeric: npt.NDArray[np.float64]
    text: tuple[npt.NDArray[np.object_], ...]
    row_count: int
    unseen: tuple[tuple[int, str], ...] = ()
    outside: tuple[tuple[int, str], ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return what an estimator is fitted on and asked with.

        Numeric columns are float32 (what trees compute with), text columns are object arrays.
        """
        import pandas as pd

        numeric = self.numeric.astype(np.float32)
        text = iter(self.text)
        numbers = iter(range(numeric.shape[1]))
        data: dict[str, Any] = {}
        for field in self.signature.inputs:
            if field.is_numeric:
                data[field.name] = numeric[:, next(numbers)]
            else:
                data[field.name] = pd.Series(next(text), dtype=object)
        return pd.DataFrame(data, index=pd.RangeIndex(self.row_count), columns=list(data))

    def take(self, rows: npt.NDArray[np.intp] | slice) -> Columns:
        """Return some of the rows, without their remarks on unseen categories."""
        numeric = self.numeric[rows]
        return Columns(
            self.signature, numeric, tuple(column[rows] for column in self.text), len(numeric)
        )

    def has_missing(self) -> npt.NDArray[np.bool_]:
        """Return for each row whether a number is missing, shape (n,)."""
        missing: npt.NDArray[np.bool_] = np.asarray(np.isnan(self.numeric).any(axis=1))
        return missing


def columns_from_records(signature: Signature, records: Sequence[Mapping[str, Any]]) -> Columns:
    """Check records against a signature and return them as columns.

    Parameters
    ----------
    records
        One mapping of column to value for each row, as JSON gives them: numbers, text, truth values, None.

    Raises
    ------
    InputRefused
        A row lacks a column, has one too many, or holds a value of another type; the error lists up to
        50 values with row and column.
    """
    names = signature.names
    width = len(names)
    try:
        if set(map(len, records)) - {width}:
            raise KeyError
        numeric = _numeric_block(signature, records)
        texts = tuple([record[field.name] for record in records] for field in signature.text)
    except (KeyError, TypeError, OverflowError):
        raise InputRefused(_complaints(signature, records)) from None
    if numeric is None or not _all_text(texts) or not _all_moments(signature, texts):
        return _carefully(signature, records)
    columns = _finish(signature, numeric, texts, len(records))
    return _carefully(signature, records) if _is_to_refuse(columns) else columns


def columns_from_read(signature: Signature, read: ReadBody) -> Columns | None:
    """Return what the signature's ``body_reader`` has read as columns; None when it must be looked at one by one."""
    texts, block = read.text, read.numeric
    if signature.is_plain and are_below(block, LARGEST_EXACT):
        return Columns(signature, block, (), read.row_count)
    if not _can_be_carried(signature, block):
        missing = np.isnan(block)  # null, in a column that may be null: JSON has no NaN
        if not missing.any() or not _can_be_carried(signature, np.where(missing, 0.0, block)):
            return None
    if texts and not _all_moments(signature, texts):
        return None
    columns = _finish(signature, block, texts, read.row_count)
    return None if _is_to_refuse(columns) else columns


def columns_of_one(signature: Signature, body: bytes) -> Columns | None:
    """Return the row of a native body that has one, and nothing beside it; None when anything is unusual about it.

    Unusual is also a value that would have to be remarked on.
    """
    if signature.is_plain:
        numbers = signature.body_reader.read_numbers_of_one(body)
        if numbers is None or not are_below(numbers, LARGEST_EXACT):
            return None
        return Columns(signature, numbers, (), 1)
    read = signature.body_reader.read(body)
    if read is None or read.row_count != 1 or read.beside:
        return None
    columns = columns_from_read(signature, read)
    return None if columns is None or columns.unseen or columns.outside else columns


def columns_from_lists(signature: Signature, columns: Mapping[str, Sequence[Any]]) -> Columns:
    """Check columns (each a list of n values) against a signature.

    Raises
    ------
    InputRefused
        As for :func:`columns_from_records`; also when the columns are of different lengths.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        shortest = min(lengths, key=lambda name: lengths[name])
        raise InputRefused(
            [RowComplaint(lengths[shortest], shortest, "this column is shorter than others")]
        )
    names = list(columns)
    rows = zip(*columns.values(), strict=True) if names else iter(())
    return columns_from_records(signature, [dict(zip(names, row, strict=True)) for row in rows])


def columns_from_frame(signature: Signature, frame: pd.DataFrame) -> Columns:
    """Return the columns of a DataFrame that the signature names; missing values become null.

    The frame is one of our own: rows that were coerced when they came in, or (a stored reference) what a
    model was given. So types are converted, not checked.
    """
    import pandas as pd

    from datasets.recipes import moment_texts

    count = len(frame)
    numeric = np.empty((count, len(signature.numeric)), dtype=np.float64)
    for index, field in enumerate(signature.numeric):
        numeric[:, index] = pd.to_numeric(frame[field.name].astype(object)).to_numpy(
            dtype=np.float64, na_value=np.nan
        )
    texts = []
    for field in signature.text:
        column = frame[field.name]
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            column = pd.Series(moment_texts(column), dtype=object).replace("", None)
        values = column.astype(object)
        texts.append(values.where(values.notna(), None).tolist())
    return _finish(signature, numeric, tuple(texts), count)


def _numeric_block(
    signature: Signature, records: Sequence[Mapping[str, Any]]
) -> npt.NDArray[np.float64] | None:
    """Return the numeric values, or None when they must be looked at one by one."""
    fields = signature.numeric
    if not fields or not records:
        return np.empty((len(records), len(fields)), dtype=np.float64)
    if signature.has_booleans:
        return None
    picked: Iterable[Any] = map(signature.pick_numbers, records)
    values = list(picked if len(fields) == 1 else itertools.chain.from_iterable(picked))
    if not _NUMBERS.issuperset(map(type, values)):
        return None
    block = np.array(values, dtype=np.float64).reshape(len(records), len(fields))
    return block if _can_be_carried(signature, block) else None


def _can_be_carried(signature: Signature, block: npt.NDArray[np.float64]) -> bool:
    """Whether all numbers are surely what was sent, and whole where they must be."""
    # What is larger may be an integer that a double cannot carry, or no number that a model can take.
    if not are_below(block, LARGEST_EXACT):
        return False
    return not (signature.integers and (block[:, signature.integers] % 1).any())


def _is_to_refuse(columns: Columns) -> bool:
    """Whether a value is outside of limits that are enforced."""
    return bool(columns.outside) and any(one.is_enforced for one in columns.signature.limited)


def _all_text(texts: Sequence[Sequence[Any]]) -> bool:
    return all(set(map(type, column)) <= {str} for column in texts)


def _all_moments(signature: Signature, texts: Sequence[Sequence[Any]]) -> bool:
    return all(
        value is None or is_moment(value) for index in signature.moments for value in texts[index]
    )


def _carefully(signature: Signature, records: Sequence[Mapping[str, Any]]) -> Columns:
    """Convert value by value, collecting what is wrong."""
    complaints = _complaints(signature, records)
    if complaints:
        raise InputRefused(complaints)
    numeric = np.array(
        [
            [
                math.nan if record[field.name] is None else float(record[field.name])
                for field in signature.numeric
            ]
            for record in records
        ],
        dtype=np.float64,
    ).reshape(len(records), len(signature.numeric))
    texts = tuple([record[field.name] for record in records] for field in signature.text)
    return _finish(signature, numeric, texts, len(records))


def _finish(
    signature: Signature,
    numeric: npt.NDArray[np.float64],
    texts: Sequence[Sequence[str | None]],
    count: int,
) -> Columns:
    if not texts and not signature.limited:
        return Columns(signature, numeric, (), count)
    unseen: list[tuple[int, str]] = []
    arrays = []
    for field, known, values in zip(signature.text, signature.category_sets, texts, strict=True):
        column = np.empty(count, dtype=object)
        column[:] = ["" if value is None else value for value in values]
        arrays.append(column)
        if known is not None:
            unseen.extend(
                (row, field.name)
                for row, value in enumerate(values)
                if value is not None and value not in known
            )
    outside = _outside(signature, numeric, texts) if signature.limited else ()
    return Columns(signature, numeric, tuple(arrays), count, tuple(unseen), outside)


def _outside(
    signature: Signature,
    numeric: npt.NDArray[np.float64],
    texts: Sequence[Sequence[str | None]],
) -> tuple[tuple[int, str], ...]:
    """Return where values are outside of the limits; what is missing is nowhere."""
    return tuple(
        sorted((row, one.name) for one in signature.limited for row in one.misfits(numeric, texts))
    )


def _complaints(signature: Signature, records: Sequence[Any]) -> list[RowComplaint]:
    """Return what is wrong with the records, at most a few dozen complaints."""
    found: list[RowComplaint] = []
    names = frozenset(signature.names)
    for row, record in enumerate(records):
        if len(found) >= MOST_COMPLAINTS:
            break
        if not isinstance(record, Mapping):
            found.append(RowComplaint(row, "", "a row must be an object of column and value"))
            continue
        found.extend(
            RowComplaint(row, extra, "the model has no such column")
            for extra in sorted(set(record) - names)
        )
        for field in signature.inputs:
            if field.name not in record:
                found.append(RowComplaint(row, field.name, "this column is missing"))
                continue
            complaint = _complaint(field, record[field.name])
            if complaint:
                found.append(RowComplaint(row, field.name, complaint))
    return found[:MOST_COMPLAINTS]


def _complaint(field: Field, value: Any) -> str | None:
    """Return what is wrong with one value, or None."""
    if value is None:
        return None if field.nullable else "null is not a value of this column"
    try:
        coerced = coerce(value, ColumnType(field.type))
    except NotAValue as refusal:
        return str(refusal)
    if field.format is not None and not is_moment(value):
        return "a moment in ISO 8601 was expected, such as 2026-01-31T08:30:00Z"
    if isinstance(coerced, int | float) and abs(coerced) > _FLOAT32_MAX:
        return "the number is too large"
    return field.limits.complaint(coerced) if field.limits.enforce else None
