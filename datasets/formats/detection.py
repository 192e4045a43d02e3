"""Telling what a file is from its content, and opening it."""

from __future__ import annotations

from pathlib import Path

from datasets.errors import EmptyFile, FormatMismatch, UnsupportedFormat
from datasets.formats.arrow_file import FILE_MAGIC, STREAM_MAGIC, ArrowFile
from datasets.formats.bad_rows import Quarantine
from datasets.formats.csv_file import CsvFile
from datasets.formats.json_lines import JsonLines, looks_like_json_lines, refuse_plain_json
from datasets.formats.limits import Limits
from datasets.formats.options import ReadOptions
from datasets.formats.packing import packing_of, unpack, unpacked_name
from datasets.formats.parquet_file import MAGIC, ParquetFile
from datasets.formats.source import ReadProgress, Source, ignore_progress
from datasets.formats.workbook import Workbook

_HEAD_BYTES = 4_096

_TEXT = "text"
_FORMAT_ENDINGS = {
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".arrows", ".feather", ".ipc"),
    "xlsx": (".xlsx", ".xlsm"),
    _TEXT: (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json"),
}
_SHOWN = {"parquet": "Parquet", "arrow": "Arrow", "xlsx": "an Excel workbook", _TEXT: "text"}
_MAGIC = (
    (MAGIC, "parquet"),
    (FILE_MAGIC, "arrow"),
    (STREAM_MAGIC, "arrow"),
    (b"PK\x03\x04", "xlsx"),
)
_TAB_ENDINGS = (".tsv", ".tab")
_JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
_CSV_ENDINGS = (".csv", *_TAB_ENDINGS)
_FOREIGN = (
    (b"PK\x05\x06", "an empty ZIP archive", "Save the data as CSV."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV."),
    (b"BZh9", "bzip2", "Unpack it first."),
    (b"\xfd7zXZ", "xz", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it first."),
    (b"FEA1", "Feather of the first version", "Save it as Feather 2 or Parquet."),
    (b"\x1f\x8b", "gzip within gzip or Zstandard", "Pack it once."),
    (b"\x28\xb5\x2f\xfd", "Zstandard within gzip or Zstandard", "Pack it once."),
    (b"ORC\x0a", "ORC", "Save it as Parquet."),
    (b"Obj\x01", "Avro", "Save it as Parquet."),
    (b"SQLite format 3\x00", "a SQLite database", "Save the table as CSV."),
    (b"\x89HDF", "HDF5", "Save the table as Parquet."),
    (b"%PDF-", "PDF", "Save the table as CSV."),
    (b"PARE\x15", "encrypted Parquet", "Save it without encryption."),
)


def open_source(
    path: Path,
    *,
    filename: str,
    limits: Limits | None = None,
    progress: ReadProgress | None = None,
    scratch: Path | None = None,
    infers: bool = True,
    options: ReadOptions | None = None,
    quarantine: Quarantine | None = None,
) -> Source:
    """Open a file of any supported format for reading.

    The content decides; the ending of ``filename`` only has to agree with it.

    Parameters
    ----------
    path
        Where the file lies.
    filename
        The name that the user gave it.
    limits
        Bounds; the usual ones, when absent.
    progress
        Told the fraction of the file that has been looked at.
    scratch
        A folder for the content of a packed file; without one, packed files are refused. The caller
        removes it when the source is no longer needed.
    infers
        Whether the types are found at once, which may take reading the whole file.
    options
        What the user chose; the usual, when absent.
    quarantine
        Takes the rows that cannot be read; without one they refuse the file. Of Parquet and Arrow,
        which are whole or damaged, that is only a row with a NUL character in its text.

    Raises
    ------
    DomainError
        One of the refusals of :mod:`datasets.errors`.
    """
    head = _head(path)
    if not head:
        raise EmptyFile("The file has no bytes.", field="file")
    wanted = limits or Limits()
    codec = packing_of(head, filename)
    if codec is not None:
        if scratch is None:
            raise UnsupportedFormat(f"The file is {codec}. Unpack it first.", field="file")
        path = unpack(path, codec, scratch, wanted, progress or ignore_progress)
        filename = unpacked_name(filename)
        head = _head(path)
    name = filename.lower()
    source = _opened(path, _format_of(head, name), head, name, wanted, options, quarantine)
    if infers:
        source.infer(progress=progress)
    return source


def _head(path: Path) -> bytes:
    with path.open("rb") as raw:
        return raw.read(_HEAD_BYTES)


def _format_of(head: bytes, name: str) -> str:
    """Return the format that the first bytes say, once the name agrees with it."""
    found = next((format_ for magic, format_ in _MAGIC if head.startswith(magic)), _TEXT)
    named = next((f for f, endings in _FORMAT_ENDINGS.items() if name.endswith(endings)), None)
    for magic, what, advice in _FOREIGN:
        if head.startswith(magic):
            raise UnsupportedFormat(f"The file is {what}. {advice}", field="file")
    if named is not None and named != found:
        raise FormatMismatch(
            f"The file is named like {_SHOWN[named]}, but its content is {_SHOWN[found]}. "
            "Give it the name that fits.",
            field="file",
        )
    return found


def _opened(
    path: Path,
    format_: str,
    head: bytes,
    name: str,
    limits: Limits,
    options: ReadOptions | None,
    quarantine: Quarantine | None,
) -> Source:
    match format_:
        case "parquet":
            return ParquetFile(path, limits, quarantine=quarantine)
        case "arrow":
            return ArrowFile(path, limits, quarantine=quarantine)
        case "xlsx":
            sheet = "" if options is None else options.sheet
            return Workbook(path, limits, sheet=sheet, quarantine=quarantine)
        case _:
            return _opened_text(path, head, name, limits, quarantine)


def _opened_text(
    path: Path, head: bytes, name: str, limits: Limits, quarantine: Quarantine | None
) -> Source:
    is_json = looks_like_json_lines(head) and not name.endswith(_CSV_ENDINGS)
    if name.endswith(_JSON_ENDINGS):
        refuse_plain_json(head, name)
        is_json = True
    if is_json:
        return JsonLines(path, limits, quarantine=quarantine)
    delimiter = "\t" if name.endswith(_TAB_ENDINGS) else None
    return CsvFile(path, limits, delimiter=delimiter, quarantine=quarantine)
