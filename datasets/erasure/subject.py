"""The data subject: a value of a key, and how it is recognised in columns and documents."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

_WHOLE = re.compile(r"[+-]?\d{1,19}")
#: Shorter values turn up in any text by chance; they are not looked for in free text.
_FEWEST_CHARACTERS = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose rows are meant, in one project.

    Attributes
    ----------
    names
        The columns (and fields of predictions) that hold the key.
    value
        The key as text. It is never shown: not in ``repr``, so not in a log or a traceback either.
    erasure
        Names the erasure for good; what is written in its course carries it.
    """

    project_id: int
    names: tuple[str, ...]
    value: str = field(repr=False)
    erasure: UUID

    def columns_in(self, names: Sequence[str]) -> list[str]:
        """Return those of some columns that hold the key."""
        return [name for name in self.names if name in names]

    def mask(self, table: pa.Table) -> pa.ChunkedArray:
        """Return for each row of a table whether one of its key columns has the value (never null)."""
        found = pa.chunked_array([pa.array([False] * table.num_rows, pa.bool_())])
        for name in self.columns_in(table.column_names):
            wanted = self._as(table.schema.field(name).type)
            if wanted is not None:
                hit = pc.fill_null(pc.equal(table[name], wanted), False)
                found = pc.or_(found, hit)
        return found

    def count(self, table: pa.Table) -> int:
        """Return how many rows of a table are the subject's."""
        return int(pc.sum(self.mask(table)).as_py() or 0)

    def without(self, table: pa.Table) -> pa.Table:
        """Return a table without the subject's rows."""
        return table.filter(pc.invert(self.mask(table)))

    def is_in(self, document: Mapping[str, Any]) -> bool:
        """Whether one of the key fields of a document has the value, as text or as a number."""
        return any(self._is(document[name]) for name in self.names if name in document)

    def in_bytes(self, data: bytes) -> bool:
        """Whether the value stands somewhere in some bytes, as it is or as JSON spells it."""
        spellings = {self.value, json.dumps(self.value)[1:-1]}
        return any(spelling.encode() in data for spelling in spellings)

    def is_value(self, found: Any) -> bool:
        """Whether a single value is the subject's key, as text or as a number."""
        return self._is(found)

    def without_mention(self, text: str, *, instead: str = "[erased]") -> str:
        """Return a text in which the value, where it stands as a word of its own, is replaced.

        A value of fewer than four characters is left: it stands in any text by chance.
        """
        if len(self.value) < _FEWEST_CHARACTERS:
            return text
        return re.sub(rf"(?<!\w){re.escape(self.value)}(?!\w)", instead, text)

    def is_named_in(self, text: str) -> bool:
        """Whether the value stands in a text as a word of its own; short values too."""
        spellings = {self.value, json.dumps(self.value)[1:-1]}
        return any(re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text) for one in spellings)

    def without_mentions(self, document: Any, *, numbers: bool = False) -> Any:
        """Return a JSON document in whose texts the value is replaced, as in :meth:`without_mention`.

        Parameters
        ----------
        numbers
            Whether the document is about a key column, so that a number which is the value names the subject, too;
            elsewhere it is one by chance.
        """
        if isinstance(document, str):
            return self.without_mention(document)
        if isinstance(document, list):
            return [self.without_mentions(one, numbers=numbers) for one in document]
        if isinstance(document, dict):
            return {
                self.without_mention(str(name)): self.without_mentions(one, numbers=numbers)
                for name, one in document.items()
            }
        if numbers and len(self.value) >= _FEWEST_CHARACTERS and self._is(document):
            return "[erased]"
        return document

    def _is(self, found: Any) -> bool:
        if isinstance(found, str):
            return found == self.value
        if isinstance(found, bool) or not isinstance(found, int | float):
            return False
        wanted = self._as(pa.int64() if isinstance(found, int) else pa.float64())
        return wanted is not None and bool(wanted.as_py() == found)

    def _as(self, kind: pa.DataType) -> pa.Scalar | None:
        """Return the value in the type of a column; None where no value of that type can be it."""
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return pa.scalar(self.value, kind)
        if pa.types.is_integer(kind) and _WHOLE.fullmatch(self.value):
            try:
                return pa.scalar(int(self.value), kind)
            except (OverflowError, pa.ArrowInvalid):
                return None
        if pa.types.is_floating(kind):
            try:
                number = float(self.value)
            except ValueError:
                return None
            return pa.scalar(number, kind) if math.isfinite(number) else None
        return None
