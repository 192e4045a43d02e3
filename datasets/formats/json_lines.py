"""JSON lines: one object a line, numbers kept digit by digit until their type is known."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from datasets.errors import RowTooLarge, TooManyColumns, UnreadableFile
from datasets.formats.bad_rows import Quarantine
from datasets.formats.cell_table import CellTable, Chunk, Kind, Unreadable
from datasets.formats.encoding import TextFile, detect_text
from datasets.formats.limits import Limits
from datasets.schema.names import MAX_COLUMNS

_CHUNK_BYTES = 4 << 20
_SHOWN = 1_000
_NUL = "\\u0000"
"""The only way to write a NUL in JSON, though it may also stand for itself behind another backslash."""


class _Number(str):
    """The digits of a number."""

    __slots__ = ()


class _Bad(ValueError):
    """A line is no row; the text says why."""


class JsonLines(CellTable):
    """A file with a JSON object on each line; the first line is row 1.

    Columns are the names of all objects in the order in which they come; an object without one of them has
    no value there. Numbers, truth values and texts keep being what they are: ``"1"`` is a text, ``1`` a
    number, and a column of both is text. Texts that are all ISO 8601 moments are moments. Objects and lists
    within an object, names that occur twice, NUL characters, ``NaN`` and ``Infinity`` make a row unreadable.
    """

    format: ClassVar[str] = "jsonl"

    def __init__(self, path: Path, limits: Limits, *, quarantine: Quarantine | None = None) -> None:
        super().__init__(limits, quarantine)
        self._text: TextFile = detect_text(path)
        self._size = max(1, path.stat().st_size)
        self._decoder = json.JSONDecoder(
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_no_constant,
            object_pairs_hook=_unique,
        )

    @property
    def description(self) -> dict[str, str]:
        """The encoding that was found."""
        return {"encoding": self._text.encoding}

    def _chunks(self) -> Iterator[Chunk]:
        names: dict[str, None] = {}
        chunk, size, row = Chunk(), 0, 0
        with self._text.open_utf8() as stream:
            for line in self._lines(stream):
                row += 1
                if not line.strip():
                    continue
                size += len(line)
                self._take(line, row, names, chunk)
                if size >= _CHUNK_BYTES:
                    yield _filled(chunk, names, stream.bytes_read / self._size)
                    chunk, size = Chunk(), 0
            yield _filled(chunk, names, 1.0)

    def _lines(self, stream: Any) -> Iterator[bytes]:
        pending = b""
        while part := stream.read(_CHUNK_BYTES):
            *lines, pending = (pending + part).split(b"\n")
            yield from lines
            if len(pending) > 2 * self._limits.block_bytes:
                megabytes = self._limits.block_bytes / (1 << 20)
                raise RowTooLarge(f"A line is longer than {megabytes:g} MB.", field="file")
        if pending:
            yield pending

    def _take(self, line: bytes, row: int, names: dict[str, None], chunk: Chunk) -> None:
        text = line.decode("utf-8").strip("\r \t")
        try:
            found = self._row(text)
        except (_Bad, RecursionError, ValueError) as error:
            reason = str(error) if isinstance(error, _Bad) else "the line is no JSON object"
            chunk.bad.append(Unreadable(row, reason, text[:_SHOWN]))
            return
        for name in found:
            if name not in names:
                names[name] = None
                if len(names) > MAX_COLUMNS:
                    raise TooManyColumns(
                        f"There are more than {MAX_COLUMNS} different names in the objects.",
                        field="file",
                    )
        at = len(chunk.numbers)
        chunk.numbers.append(row)
        for name, (kind, cell) in found.items():
            cells = chunk.cells.setdefault(name, [])
            cells.extend([None] * (at - len(cells)))
            cells.append(cell)
            if kind is not None:
                chunk.kinds.setdefault(name, set()).add(kind)

    def _row(self, text: str) -> dict[str, tuple[Kind | None, str | None]]:
        value = self._decoder.decode(text)
        if not isinstance(value, dict):
            raise _Bad("the line is no JSON object")
        if not value:
            raise _Bad("the object is empty")
        found: dict[str, tuple[Kind | None, str | None]] = {}
        for name, item in value.items():
            stored = unicodedata.normalize("NFC", name.strip())
            if stored in found:
                raise _Bad(f"the name {stored[:60]!r} occurs twice")
            found[stored] = _cell(stored, item)
        if _NUL in text:
            _refuse_nul(found)
        return found


def _cell(name: str, item: Any) -> tuple[Kind | None, str | None]:
    if item is None:
        return None, None
    if isinstance(item, bool):
        return Kind.BOOLEAN, "true" if item else "false"
    if isinstance(item, _Number):
        return Kind.NUMBER, str(item)
    if isinstance(item, str):
        try:
            item.encode("utf-8")
        except UnicodeEncodeError:
            raise _Bad(f"column {name[:60]!r} holds half of a character") from None
        return Kind.TEXT, item
    raise _Bad(f"column {name[:60]!r} holds a list or an object")


def _refuse_nul(found: Mapping[str, tuple[Kind | None, str | None]]) -> None:
    for name, (_, cell) in found.items():
        if cell is not None and "\x00" in cell:
            raise _Bad(f"column {name[:60]!r} holds a NUL character")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Bad("a name occurs twice in an object")
    return found


def _no_constant(name: str) -> Any:
    raise _Bad(f"{name} is no number of JSON; leave the value out or write null")


def _filled(chunk: Chunk, names: dict[str, None], fraction: float) -> Chunk:
    """Give every column as many cells as there are rows."""
    count = len(chunk.numbers)
    for name in names:
        cells = chunk.cells.setdefault(name, [])
        cells.extend([None] * (count - len(cells)))
        chunk.kinds.setdefault(name, set())
    chunk.fraction = min(1.0, fraction)
    return chunk


def looks_like_json_lines(head: bytes) -> bool:
    """Whether text begins like an object of JSON."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def refuse_plain_json(head: bytes, name: str) -> None:
    """Refuse an array of objects, which is JSON, but not JSON lines."""
    if name.endswith((".json", ".jsonl", ".ndjson")) and head.lstrip().startswith(b"["):
        raise UnreadableFile(
            "The file is one JSON array. Write one object per line (JSON lines).", field="file"
        )
