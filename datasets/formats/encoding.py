"""Which encoding a text file has, and reading it as UTF-8 whatever it is."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from datasets.errors import EmptyFile, UnknownEncoding

_CHUNK = 1 << 20
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file and the encoding that its bytes are in.

    Parameters
    ----------
    path
        Where it is.
    encoding
        Name of the codec.
    mark_bytes
        Length of the byte-order mark to skip.
    """

    path: Path
    encoding: str
    mark_bytes: int

    def open_utf8(self) -> Utf8Stream:
        """Return the content as a stream of UTF-8 without a mark."""
        return Utf8Stream(self)


class Utf8Stream(io.RawIOBase):
    """The bytes of a :class:`TextFile`, re-encoded on the fly, with an optional tail."""

    def __init__(self, file: TextFile) -> None:
        super().__init__()
        self._raw: BinaryIO = file.path.open("rb")
        self._raw.seek(file.mark_bytes)
        self._decoder = (
            None if file.encoding == "utf-8" else codecs.getincrementaldecoder(file.encoding)()
        )
        self.bytes_read = file.mark_bytes
        self._pending = b""
        self._tail = b""
        self._ended = False

    def set_tail(self, tail: bytes) -> None:
        """Append these bytes after the end of the file, be it reached already or not."""
        self._tail = tail
        if self._ended:
            self._pending += tail

    def push_back(self, data: bytes) -> None:
        """Put bytes that were read before those that come next."""
        self._pending = data + self._pending

    def readable(self) -> bool:
        """Say that the stream can be read."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to ``size`` bytes; fewer only at the end."""
        wanted = _CHUNK if size is None or size < 0 else size
        if len(self._pending) >= wanted and size is not None and size >= 0:
            data, self._pending = self._pending[:wanted], self._pending[wanted:]
            return data
        parts = [self._pending]
        have = len(self._pending)
        while not self._ended and (have < wanted or size is None or size < 0):
            part = self._next_part()
            parts.append(part)
            have += len(part)
        data = b"".join(parts)
        if size is None or size < 0:
            self._pending = b""
            return data
        self._pending = data[size:]
        return data[:size]

    def fill(self, target: memoryview) -> int:
        """Write the bytes that come next to ``target``; say how many, which are fewer than fit only at the end."""
        got = min(len(self._pending), len(target))
        target[:got] = self._pending[:got]
        self._pending = self._pending[got:]
        # Straight from the file, where nothing has to be decoded: other threads go on meanwhile.
        while self._decoder is None and got < len(target) and not self._ended:
            count = self._raw.readinto(target[got:])  # type: ignore[attr-defined]
            got += count
            self.bytes_read += count
            if count == 0:
                self._ended = True
                self._pending = self._tail
        if got < len(target):
            rest = self.read(len(target) - got)
            target[got : got + len(rest)] = rest
            got += len(rest)
        return got

    def _next_part(self) -> bytes:
        raw = self._raw.read(_CHUNK)
        self.bytes_read += len(raw)
        if not raw:
            self._ended = True
        if self._decoder is None:
            part = raw
        else:
            part = self._decoder.decode(raw, final=not raw).encode("utf-8")
        return part + self._tail if self._ended else part

    def close(self) -> None:
        """Close the file."""
        self._raw.close()
        super().close()


def suppose_text(path: Path) -> TextFile | None:
    """Return what a file seems to be when its beginning is good UTF-8; the rest must be checked yet."""
    with path.open("rb") as raw:
        head = raw.read(_CHUNK)
    mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in head:
        return None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head[mark:], final=len(head) < _CHUNK)
    except UnicodeDecodeError:
        return None
    return TextFile(path, "utf-8", mark)


def detect_text(path: Path) -> TextFile:
    """Find the encoding of a file by decoding all of it.

    Tried in this order: what a byte-order mark says; UTF-16 without a mark, when every other byte
    of the beginning is zero; UTF-8; Windows-1252 (``cp1252``), unless letters beyond ASCII were
    good UTF-8 before the first bad byte: such a file is damaged UTF-8, and reading it as something
    else would garble every one of those letters.

    Raises
    ------
    EmptyFile
        There is nothing in it.
    UnknownEncoding
        None of them decodes it, or it holds NUL characters; with the position of the first bad
        byte.
    """
    with path.open("rb") as raw:
        head = raw.read(4096)
    if not head:
        raise EmptyFile("The file has no bytes.", field="file")
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return _marked(TextFile(path, name, len(mark)))
    guess = _utf16_without_mark(head)
    if guess is not None:
        file = TextFile(path, guess, 0)
        if _first_failure(file) is None:
            return file
    failure = _first_failure(TextFile(path, "utf-8", 0))
    if failure is None:
        return TextFile(path, "utf-8", 0)
    if _has_multibyte_before(path, failure):
        raise _unknown(path, failure, "up to there the file is UTF-8, but this is not")
    if _byte_at(path, failure) != 0:
        failure_1252 = _first_failure(TextFile(path, "cp1252", 0))
        if failure_1252 is None:
            return TextFile(path, "cp1252", 0)
        raise _unknown(
            path, failure_1252, "that is text neither in UTF-8 nor in Windows-1252 (cp1252)"
        )
    raise _unknown(path, failure, "a NUL byte does not occur in text")


def _marked(file: TextFile) -> TextFile:
    failure = _first_failure(file)
    if failure is None:
        return file
    reason = f"the byte-order mark says {file.encoding}, but that is none"
    raise _unknown(file.path, failure, reason)


def _utf16_without_mark(head: bytes) -> str | None:
    pairs = len(head) // 2
    if pairs < 2:
        return None
    if head[1 : 2 * pairs : 2].count(0) > 0.6 * pairs:
        return "utf-16-le"
    if head[0 : 2 * pairs : 2].count(0) > 0.6 * pairs:
        return "utf-16-be"
    return None


def _first_failure(file: TextFile) -> int | None:
    """Return the offset of the first byte that is no text or a NUL; None when all is well."""
    decoder = codecs.getincrementaldecoder(file.encoding)()
    with file.path.open("rb") as raw:
        raw.seek(file.mark_bytes)
        start = file.mark_bytes
        while True:
            chunk = raw.read(_CHUNK)
            buffered = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return start - buffered + error.start
            nul = text.find("\x00")
            if nul >= 0:
                return start - buffered + len(text[:nul].encode(file.encoding))
            if not chunk:
                return None
            start += len(chunk)


def _has_multibyte_before(path: Path, offset: int) -> bool:
    with path.open("rb") as raw:
        left = offset
        while left > 0:
            chunk = raw.read(min(_CHUNK, left))
            if not chunk.isascii():
                return True
            left -= len(chunk)
    return False


def _byte_at(path: Path, offset: int) -> int | None:
    with path.open("rb") as raw:
        raw.seek(offset)
        byte = raw.read(1)
    return byte[0] if byte else None


def _unknown(path: Path, offset: int, reason: str) -> UnknownEncoding:
    line = 1
    with path.open("rb") as raw:
        left = offset
        while left > 0:
            chunk = raw.read(min(_CHUNK, left))
            if not chunk:
                break
            line += chunk.count(b"\n")
            left -= len(chunk)
        raw.seek(offset)
        byte = raw.read(1)
    what = f"byte 0x{byte[0]:02x}" if byte else "the end of the file"
    return UnknownEncoding(
        f"At position {offset} (line {line}) stands {what}: {reason}. Save the file as UTF-8.",
        field="file",
        position=offset,
        line=line,
    )
