"""Bodies of the native wire read at once: from JSON to numbers without an object for each value's name.

A parser that knows the fields beforehand checks names and types while it reads, in a third of the time that
dictionaries take. It only ever says yes: whatever is unusual is left to :mod:`models_registry.signatures.wire` and
:mod:`models_registry.signatures.columns`, which say what is wrong with which value.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple

if TYPE_CHECKING:
    from models_registry.signatures.signature import Field

_TYPES: Mapping[str, Any] = {"number": float, "integer": float, "boolean": bool, "string": str}
#: Counting in larger bodies is left to NumPy, which looks at many bytes at a time.
_SHORT_BYTES = 4096
_COLON = ord(":")
_NOTHING: Mapping[str, Any] = {}


class ReadBody(NamedTuple):
    """The rows of a body.

    Attributes
    ----------
    numeric
        float64, shape (n, number of numeric fields), truth values as 0 and 1, NaN for null.
    text
        n texts (None for null) for each text field.
    beside
        What stands beside the rows, by key.
    """

    numeric: npt.NDArray[np.float64]
    text: tuple[Sequence[str | None], ...]
    row_count: int
    beside: Mapping[str, Any]


class BodyReader:
    """Reads bodies ``{"instances": [{"field": value, …}, …], …}`` whose rows have just these fields.

    Parameters
    ----------
    fields
        The inputs of a signature.
    beside
        The keys that may stand beside the rows.
    """

    def __init__(self, fields: Sequence[Field], *, beside: Sequence[str]) -> None:
        numeric = [field for field in fields if field.is_numeric]
        text = [field for field in fields if not field.is_numeric]
        self._width = len(numeric)
        self._beside = beside
        self._decode = _decoder([*numeric, *text], beside)
        self._numbers: Callable[[Any], tuple[float, ...]] | None = None
        if text:
            self._numbers = _tuple_of([f"f{at}" for at in range(len(numeric))])
        self._texts = [attrgetter(f"f{at}") for at in range(len(numeric), len(numeric) + len(text))]
        self._colons_of_a_row = len(fields)
        self._pack = struct.Struct(f"{self._width}d").pack

    def read(self, body: bytes) -> ReadBody | None:
        """Return the rows; None when something is unusual, or wrong."""
        if self._decode is None:
            return None
        try:
            found = self._decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        rows = found.rows
        # The parser keeps the last of two equal keys; then there are more colons than keys.
        more = _colons(body) - 1 - len(rows) * self._colons_of_a_row
        beside = self._found_beside(found) if more else _NOTHING
        if more != len(beside):
            return None
        texts = tuple([pick(row) for row in rows] for pick in self._texts) if self._texts else ()
        return ReadBody(self._block(rows), texts, len(rows), beside)

    def read_numbers_of_one(self, body: bytes) -> npt.NDArray[np.float64] | None:
        """Return the only row of a body, shape (1, number of fields), where all fields are numbers.

        None when there is not just one row, or when something is unusual, or wrong.
        """
        if self._decode is None or self._texts:
            return None
        try:
            rows = self._decode(body).rows
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        # As many colons as there are keys at least: then no key is there twice, and nothing stands beside the rows.
        if len(rows) != 1 or body.count(b":") != 1 + self._colons_of_a_row:
            return None
        try:
            packed = self._pack(*astuple(rows[0]))
        except struct.error:  # null is among them
            return None
        return np.frombuffer(packed).reshape(1, -1)

    def _found_beside(self, found: Any) -> Mapping[str, Any]:
        return {
            name: value
            for at, name in enumerate(self._beside)
            if (value := getattr(found, f"beside{at}")) is not msgspec.UNSET
        }

    def _block(self, rows: Sequence[Any]) -> npt.NDArray[np.float64]:
        if not self._width:
            return np.empty((len(rows), 0))
        numbers = astuple if self._numbers is None else self._numbers
        try:
            if len(rows) == 1:
                packed = self._pack(*numbers(rows[0]))
            else:
                packed = b"".join([self._pack(*numbers(row)) for row in rows])
        except struct.error:  # null is among them
            values = list(itertools.chain.from_iterable(map(numbers, rows)))
            return np.array(values, dtype=np.float64).reshape(-1, self._width)
        return np.frombuffer(packed).reshape(-1, self._width)


def _decoder(fields: Sequence[Field], beside: Sequence[str]) -> Callable[[bytes], Any] | None:
    """Return what reads a body into ``rows`` with the attributes ``f0``, ``f1``, …, and ``beside0``, ….

    The parser takes no names that JSON writes with a backslash; then it is None.
    """
    try:
        row = msgspec.defstruct(
            "Row",
            [
                (f"f{at}", _type(field), msgspec.field(name=field.name))
                for at, field in enumerate(fields)
            ],
            forbid_unknown_fields=True,
            gc=False,
        )
    except ValueError:
        return None
    rows: Any = list[row]  # type: ignore[valid-type]
    body = msgspec.defstruct(
        "Body",
        [
            ("rows", rows, msgspec.field(name="instances")),
            *((f"beside{at}", Any, _absent(name)) for at, name in enumerate(beside)),
        ],
        forbid_unknown_fields=True,
        gc=False,
    )
    return msgspec.json.Decoder(body).decode


def _type(field: Field) -> Any:
    known = _TYPES[field.type]
    return known | None if field.nullable else known


def _absent(name: str) -> Any:
    return msgspec.field(default=msgspec.UNSET, name=name)


def _tuple_of(names: Sequence[str]) -> Callable[[Any], tuple[float, ...]] | None:
    """Return what takes some attributes as a tuple, also when there is only one."""
    if len(names) == 1:
        pick = attrgetter(names[0])
        return lambda row: (pick(row),)
    return attrgetter(*names) if names else None


def _colons(body: bytes) -> int:
    if len(body) < _SHORT_BYTES:
        return body.count(b":")
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == _COLON))
