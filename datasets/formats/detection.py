"""Telling what a file is from its content, and opening it."""

from __future__ import annotations

from pathlib import Path

from datasets.errors import EmptyFile, FormatMismatch, UnsupportedFormat
from datasets.formats.csv_file import CsvFile
from datasets.formats.limits import Limits
from datasets.formats.packing import packing_of, unpack, unpacked_name
from datasets.formats.parquet_file import MAGIC, ParquetFile
from datasets.formats.source import ReadProgress, Source, ignore_progress

_PARQUET_ENDINGS = (".parquet", ".pq")
_TEXT_ENDINGS = (".csv", ".tsv", ".txt")
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "Save the sheet as CSV."),
    (b"PK\x05\x06", "an empty ZIP archive", "Save the data as CSV."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV."),
    (b"BZh9", "bzip2", "Unpack it first."),
    (b"\xfd7zXZ", "xz", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it first."),
    (b"ARROW1", "Arrow IPC (Feather)", "Save it as Parquet."),
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

    Raises
    ------
    DomainError
        One of the refusals of :mod:`datasets.errors`.
    """
    with path.open("rb") as raw:
        head = raw.read(16)
    if not head:
        raise EmptyFile("The file has no bytes.", field="file")
    wanted = limits or Limits()
    codec = packing_of(head, filename)
    if codec is not None:
        if scratch is None:
            raise UnsupportedFormat(f"The file is {codec}. Unpack it first.", field="file")
        path = unpack(path, codec, scratch, wanted, progress or ignore_progress)
        filename = unpacked_name(filename)
        with path.open("rb") as raw:
            head = raw.read(16)
    source = _opened(path, head, filename.lower(), wanted)
    if infers:
        source.infer(progress=progress)
    return source


def _opened(path: Path, head: bytes, name: str, limits: Limits) -> Source:
    if head.startswith(MAGIC):
        if name.endswith(_TEXT_ENDINGS):
            raise FormatMismatch(
                "The file is named like text, but it is Parquet. Rename it to .parquet.",
                field="file",
            )
        return ParquetFile(path, limits)
    if name.endswith(_PARQUET_ENDINGS):
        raise FormatMismatch(
            "The file is named like Parquet, but it does not begin as Parquet does.", field="file"
        )
    for magic, what, advice in _FOREIGN:
        if head.startswith(magic):
            raise UnsupportedFormat(f"The file is {what}. {advice}", field="file")
    return CsvFile(path, limits)
