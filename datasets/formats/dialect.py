"""How the cells of a CSV file are separated, and what its header says."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from datasets.errors import BadHeader, EmptyFile, TooManyColumns
from datasets.formats.encoding import TextFile
from datasets.formats.limits import Limits
from datasets.schema.names import MAX_COLUMNS, check_names

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Dialect:
    """The delimiter, the column names, and the bytes (as UTF-8) up to the end of the header."""

    delimiter: str
    names: tuple[str, ...]
    header_bytes: int


def read_dialect(file: TextFile, limits: Limits, *, delimiter: str | None = None) -> Dialect:
    """Find the delimiter among comma, semicolon, tab and bar, and read the header with it.

    The delimiter that splits the most of the first rows into as many cells as the header has wins;
    among equals the one with more columns. A file in which none of them occurs has one column. A
    ``delimiter`` that is given (the name of the file says it) is not looked for.

    Raises
    ------
    EmptyFile, BadHeader, TooManyColumns
        As their names say.
    """
    with file.open_utf8() as stream:
        head = stream.read(limits.header_bytes + 1)
    is_whole = len(head) <= limits.header_bytes
    text = head.decode("utf-8", errors="ignore")
    if not text.strip():
        raise EmptyFile("The file holds nothing but white space.", field="file")
    _refuse_long_header(text, is_whole)
    if delimiter is None:
        delimiter = _best_delimiter(text, is_whole)
    cells, end = _first_record(text, delimiter)
    return Dialect(delimiter, check_names(cells), len(text[:end].encode("utf-8")))


def _refuse_long_header(text: str, is_whole: bool) -> None:
    if is_whole or len(text.lstrip("\r\n").splitlines()) > 1:
        return
    for delimiter in DELIMITERS:
        if text.count(delimiter) >= MAX_COLUMNS:
            raise TooManyColumns(
                f"There are more than {text.count(delimiter)} columns; at most {MAX_COLUMNS} are "
                "allowed.",
                field="file",
            )
    raise BadHeader("The first row is too long to be a header.", field="file")


def _best_delimiter(text: str, is_whole: bool) -> str:
    sample = text[:_SAMPLE_CHARACTERS]
    is_cut = not is_whole or len(sample) < len(text)
    scores = [(*_score(sample, delimiter, is_cut), delimiter) for delimiter in DELIMITERS]
    share, width, delimiter = max(scores, key=lambda score: (score[0], score[1]))
    return delimiter if width > 1 and share > 0 else ","


def _score(sample: str, delimiter: str, is_cut: bool) -> tuple[float, int]:
    """Return the share of rows as wide as the header (0 when it is one cell), and that width."""
    widths: list[int] = []
    try:
        for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if record:
                widths.append(len(record))
            if len(widths) > _SAMPLE_ROWS:
                break
    except csv.Error:
        return 0.0, 1
    if is_cut and len(widths) <= _SAMPLE_ROWS and len(widths) > 1:
        widths.pop()
    if not widths or widths[0] == 1:
        return 0.0, 1
    return widths.count(widths[0]) / len(widths), widths[0]


def _first_record(text: str, delimiter: str) -> tuple[list[str], int]:
    buffer = io.StringIO(text, newline="")
    try:
        for record in csv.reader(buffer, delimiter=delimiter):
            if record:
                return record, buffer.tell()
    except csv.Error as error:
        raise BadHeader(
            "A column name is too long, or a quote in the header never ends.", field="file"
        ) from error
    raise EmptyFile("The file holds nothing but empty lines.", field="file")
