"""Excel workbooks (xlsx): one sheet, row by row, with every value kept as the workbook has it."""

from __future__ import annotations

import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from itertools import repeat
from pathlib import Path
from typing import Any, ClassVar
from xml.etree.ElementTree import ParseError

from datasets.errors import (
    EmptyFile,
    ExpandsTooMuch,
    SheetNotFound,
    TooManyColumns,
    UnreadableFile,
    UnsupportedFormat,
)
from datasets.formats.bad_rows import Quarantine
from datasets.formats.cell_table import CellTable, Chunk, Kind, Unreadable
from datasets.formats.limits import Limits
from datasets.schema import check_names
from datasets.schema.names import MAX_COLUMNS

_CHUNK_CELLS = 200_000
_MOST_ROWS = 1_048_576
"""Rows that a sheet can have."""
_SHEETS = "xl/worksheets/"
_SHOWN = 1_000
_DAMAGED = "The workbook is damaged: it cannot be read."
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    OverflowError,
    NotImplementedError,
    ParseError,
)


class Workbook(CellTable):
    """A sheet of an Excel workbook; its first row that is not empty has the names of the columns.

    Numbers, texts, truth values and dates are what the workbook says they are. Dates and times have no zone
    there and are taken to be UTC. A formula counts as the value that was stored with it; a formula without
    one, an error such as ``#DIV/0!``, and a value to the right of the header make a row unreadable.

    Parameters
    ----------
    sheet
        The name of the sheet; the first one, when empty.

    Raises
    ------
    UnsupportedFormat
        A ZIP archive that is no workbook, or an encrypted one.
    ExpandsTooMuch
        What the parts of the archive say of their size, or what they turn out to be, is too much.
    SheetNotFound
        There is no such sheet.
    """

    format: ClassVar[str] = "xlsx"

    def __init__(
        self,
        path: Path,
        limits: Limits,
        *,
        sheet: str = "",
        quarantine: Quarantine | None = None,
    ) -> None:
        super().__init__(limits, quarantine)
        self._path = path
        _check_archive(path, limits)
        with self._opened(values=True) as book:
            titles = [one.title for one in book.worksheets]
            if not titles:
                raise EmptyFile("The workbook has no sheet with cells.", field="file")
            if sheet and sheet not in titles:
                shown = ", ".join(repr(title) for title in titles[:20])
                raise SheetNotFound(
                    f"There is no sheet {sheet!r}; there are {shown}.", field="sheet"
                )
            self._sheet = sheet or titles[0]
            self._last_row = book[self._sheet].max_row or _MOST_ROWS
            self._has_formulas = self._finds_formulas(book[self._sheet])

    @property
    def description(self) -> dict[str, str]:
        """The sheet that was read."""
        return {"sheet": self._sheet}

    @contextmanager
    def _opened(self, *, values: bool) -> Iterator[Any]:
        from openpyxl import load_workbook

        with warnings.catch_warnings():
            # What it warns of (styles, extensions, dates out of range) is not used or is seen in the cells.
            warnings.simplefilter("ignore")
            try:
                with (
                    self._path.open("rb") as raw,
                    closing(load_workbook(raw, read_only=True, data_only=values)) as book,
                ):
                    yield book
            except _BROKEN as error:
                raise UnreadableFile(_DAMAGED, field="file") from error

    def _finds_formulas(self, sheet: Any) -> bool:
        tail = b""
        with sheet._get_source() as part:
            while data := part.read(1 << 20):
                if b"<f>" in tail + data or b"<f " in tail + data or b":f>" in tail + data:
                    return True
                tail = data[-4:]
        return False

    def _rows(self) -> Iterator[tuple[int, Sequence[Any], Sequence[Any] | None]]:
        """Yield number, cells, and (where there are formulas) the cells with the formulas themselves."""
        with self._opened(values=True) as book:
            rows = self._bounded(book)
            if not self._has_formulas:
                yield from ((number, row, None) for number, row in rows)
                return
            with self._opened(values=False) as formulas:
                for (number, row), (_, written) in zip(rows, self._bounded(formulas), strict=True):
                    yield number, row, written

    def _bounded(self, book: Any) -> Iterator[tuple[int, Sequence[Any]]]:
        sheet = book[self._sheet]
        # What the sheet says of its own size may be wrong; one column more shows that it is too wide.
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number > _MOST_ROWS:
                raise UnreadableFile(f"The sheet has more than {_MOST_ROWS} rows.", field="file")
            yield number, row

    def _chunks(self) -> Iterator[Chunk]:
        names: tuple[str, ...] | None = None
        chunk = Chunk()
        for number, row, written in self._rows():
            if not any(cell.value is not None for cell in row) and not _any_formula(written):
                continue
            if names is None:
                names = _header(row)
                chunk = _started(names)
                continue
            self._take(number, row, written, names, chunk)
            if len(chunk.numbers) * len(names) >= _CHUNK_CELLS:
                chunk.fraction = min(1.0, number / self._last_row)
                yield chunk
                chunk = _started(names)
        if names is None:
            raise EmptyFile("The sheet is empty.", field="file")
        chunk.fraction = 1.0
        yield chunk

    def _take(
        self,
        number: int,
        row: Sequence[Any],
        written: Sequence[Any] | None,
        names: tuple[str, ...],
        chunk: Chunk,
    ) -> None:
        found: list[tuple[Kind | None, str | None]] = []
        formulas = list(written or ()) + [None] * len(row)
        for at, cell in enumerate(row):
            name = names[at] if at < len(names) else ""
            reason = _complaint(cell, formulas[at])
            if reason is None and not name and cell.value is not None:
                reason = (
                    f"there is a value in column {at + 1}, beyond the {len(names)} of the header"
                )
            if reason is not None:
                raw = "; ".join("" if c.value is None else str(c.value) for c in row[:MAX_COLUMNS])
                said = f"column {name!r}: {reason}" if name else reason
                chunk.bad.append(Unreadable(number, said, raw[:_SHOWN], name))
                return
            if name:
                found.append(_cell(cell.value))
        found.extend(repeat((None, None), len(names) - len(found)))
        chunk.numbers.append(number)
        for name, (kind, text) in zip(names, found, strict=True):
            chunk.cells[name].append(text)
            if kind is not None:
                chunk.kinds[name].add(kind)


def _any_formula(row: Sequence[Any] | None) -> bool:
    return row is not None and any(cell.data_type == "f" for cell in row)


def _header(row: Sequence[Any]) -> tuple[str, ...]:
    values = [cell.value for cell in row]
    while values and values[-1] is None:
        values.pop()
    if len(values) > MAX_COLUMNS:
        raise TooManyColumns(
            f"There are {len(values)} columns; at most {MAX_COLUMNS} are allowed.", field="file"
        )
    return check_names(["" if value is None else str(value) for value in values])


def _started(names: tuple[str, ...]) -> Chunk:
    return Chunk(cells={name: [] for name in names}, kinds={name: set() for name in names})


def _complaint(cell: Any, formula: Any) -> str | None:
    if cell.data_type == "e" and cell.value is not None:
        return f"the cell holds the error {str(cell.value)[:20]}"
    if cell.value is None and formula is not None and formula.data_type == "f":
        return "the cell holds a formula without a stored value"
    if isinstance(cell.value, float) and cell.value in (float("inf"), float("-inf")):
        return "the number is beyond the range of a double"
    return None


def _cell(value: Any) -> tuple[Kind | None, str | None]:
    if value is None:
        return None, None
    if isinstance(value, bool):
        return Kind.BOOLEAN, "true" if value else "false"
    if isinstance(value, int):
        return Kind.NUMBER, str(value)
    if isinstance(value, float):
        return Kind.NUMBER, repr(value)
    if isinstance(value, datetime):
        return Kind.TEXT, value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return Kind.TEXT, value.isoformat()
    # Excel cannot keep lone surrogates, but a file that claims to be its may.
    return Kind.TEXT, str(value).encode("utf-8", "replace").decode("utf-8")


def _check_archive(path: Path, limits: Limits) -> None:
    """Refuse what is no workbook, and what says of itself that it is too large.

    The ZIP reader never gives more bytes of a part than the part says that it has, so what is said is also
    what can be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise UnreadableFile(
            "The file begins as a ZIP archive (which an Excel workbook is), but it is cut off or damaged.",
            field="file",
        ) from error
    names = {unicodedata.normalize("NFC", part.filename) for part in parts}
    if "xl/workbook.xml" not in names:
        what = (
            "an Excel workbook in the binary format"
            if "xl/workbook.bin" in names
            else "a ZIP archive"
        )
        raise UnsupportedFormat(
            f"The file is {what}. Save the sheet as .xlsx or CSV.", field="file"
        )
    if any(part.flag_bits & 1 for part in parts):
        raise UnsupportedFormat(
            "The workbook is encrypted. Save it without a password.", field="file"
        )
    held = sum(part.file_size for part in parts if not part.filename.startswith(_SHEETS))
    if held > limits.shared_bytes:
        raise ExpandsTooMuch(
            f"The texts and styles of the workbook expand to more than {limits.shared_bytes >> 20} MB. "
            "Save the sheet as CSV.",
            field="file",
        )
    if sum(part.file_size for part in parts) > limits.expanded_bytes:
        raise ExpandsTooMuch(
            f"The workbook expands to more than {limits.expanded_bytes / (1 << 30):g} GB.",
            field="file",
        )
