"""Unpacking gzip and Zstandard into a file of the job's own, with the bytes counted on the way."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pyarrow as pa

from datasets.errors import EmptyFile, ExpandsTooMuch, FormatMismatch, UnreadableFile
from datasets.formats.limits import Limits

_CHUNK = 1 << 20
_CODECS = (
    ("gzip", b"\x1f\x8b", (".gz", ".gzip")),
    ("zstd", b"\x28\xb5\x2f\xfd", (".zst", ".zstd")),
)


def packing_of(head: bytes, filename: str) -> str | None:
    """Return ``gzip``, ``zstd`` or None for what the first bytes say.

    Raises
    ------
    FormatMismatch
        The name says otherwise.
    """
    found = next((codec for codec, magic, _ in _CODECS if head.startswith(magic)), None)
    named = next((codec for codec, _, ends in _CODECS if filename.lower().endswith(ends)), None)
    has_ending = "." in filename
    if found != named and (named is not None or has_ending):
        content = found or "not packed"
        says = f"is named like {named}" if named else "is not named like that"
        raise FormatMismatch(
            f"The file {says}, but its content is {content}. Give it the name that fits.",
            field="file",
        )
    return found


def unpacked_name(filename: str) -> str:
    """Return the name without the ending of the packing."""
    for _, _, ends in _CODECS:
        for end in ends:
            if filename.lower().endswith(end):
                return filename[: -len(end)]
    return filename


def unpack(
    path: Path,
    codec: str,
    scratch: Path,
    limits: Limits,
    progress: Callable[[float], None],
) -> Path:
    """Write the content of a packed file to a new file in ``scratch`` and return that.

    Raises
    ------
    ExpandsTooMuch
        It is larger than ``limits.expanded_bytes``: counted, whatever the file says of itself.
    UnreadableFile
        It is cut off or damaged.
    EmptyFile
        There is nothing in it.
    """
    target = scratch / f"{uuid4().hex}.unpacked"
    total = max(1, path.stat().st_size)
    written = 0
    try:
        with path.open("rb") as raw, _opened(raw, codec) as stream, target.open("xb") as out:
            while chunk := stream.read(_CHUNK):
                written += len(chunk)
                if written > limits.expanded_bytes:
                    raise ExpandsTooMuch(
                        f"The file expands to more than {limits.expanded_bytes / (1 << 30):g} GB.",
                        field="file",
                    )
                out.write(chunk)
                progress(min(1.0, raw.tell() / total))
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableFile(
            f"The file begins as {codec}, but it is cut off or damaged.", field="file"
        ) from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    if written == 0:
        target.unlink()
        raise EmptyFile("There is nothing in the packed file.", field="file")
    return target


def _opened(raw: IO[bytes], codec: str) -> Any:
    if codec == "gzip":
        return gzip.GzipFile(fileobj=raw)
    return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
