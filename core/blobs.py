"""Content-addressed files: the name of a blob is the SHA-256 of its bytes.

Writing the same bytes twice keeps one copy, a half-written blob is never seen under its name, and every
read checks the digest, so that a flipped byte is noticed before anything is done with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from core.errors import ErrorKind, Invalid, NotFound

_CHUNK_BYTES = 1024 * 1024
_DIGEST = re.compile(r"^[0-9a-f]{64}$")


class BlobCorrupt(Invalid):
    """The bytes that were read are not the ones that were stored."""

    code = "blob_corrupt"
    title = "A stored file was changed since it was written"
    kind = ErrorKind.UNAVAILABLE


class BlobMissing(NotFound):
    """No blob has this digest."""

    code = "blob_missing"
    title = "A stored file is missing"


@dataclass(frozen=True, slots=True)
class Blob:
    """What identifies a stored blob."""

    digest: str
    size_bytes: int


class BlobStore:
    """Blobs in a Django storage (a local folder, or S3)."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    @staticmethod
    def _name(digest: str) -> str:
        if not _DIGEST.match(digest):
            raise BlobMissing("This is not a SHA-256 digest.")
        return f"{digest[:2]}/{digest[2:4]}/{digest}"

    def put_bytes(self, data: bytes) -> Blob:
        """Store ``data`` and return its digest and size."""
        blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
        if not self.exists(blob.digest):
            with tempfile.TemporaryFile() as draft:
                draft.write(data)
                draft.seek(0)
                self._publish(blob, draft)
        return blob

    def put_file(self, path: Path) -> Blob:
        """Store the content of a local file and return its digest and size (bytes)."""
        digest = hashlib.sha256()
        size = 0
        with path.open("rb") as source:
            for chunk in _chunks(source):
                digest.update(chunk)
                size += len(chunk)
            blob = Blob(digest.hexdigest(), size)
            if not self.exists(blob.digest):
                source.seek(0)
                self._publish(blob, source)
        return blob

    def _publish(self, blob: Blob, source: IO[bytes]) -> None:
        name = self._name(blob.digest)
        if not isinstance(self._storage, FileSystemStorage):
            self._storage.save(name, File(source))
            return
        target = Path(self._storage.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
        try:
            with os.fdopen(descriptor, "wb") as out:
                for chunk in _chunks(source):
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            Path(draft).chmod(0o440)
            Path(draft).replace(target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise

    def exists(self, digest: str) -> bool:
        """Whether a blob of this digest is stored."""
        return self._storage.exists(self._name(digest))

    def read(self, digest: str) -> bytes:
        """Return the bytes of a blob.

        Raises
        ------
        BlobMissing
            Nothing is stored under this digest.
        BlobCorrupt
            The stored bytes do not have this digest.
        """
        try:
            with self._storage.open(self._name(digest), "rb") as source:
                data: bytes = source.read()
        except FileNotFoundError:
            raise BlobMissing(f"The file {digest[:12]}… is missing.", digest=digest) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise BlobCorrupt(f"The file {digest[:12]}… is damaged.", digest=digest)
        return data

    def chunks(self, digest: str) -> Iterator[bytes]:
        """Return the bytes of a blob piece by piece, after all of them were read once to check the digest.

        Raises
        ------
        BlobMissing, BlobCorrupt
            As :meth:`read`; before the first piece.
        """
        try:
            source = self._storage.open(self._name(digest), "rb")
        except FileNotFoundError:
            raise BlobMissing(f"The file {digest[:12]}… is missing.", digest=digest) from None
        found = hashlib.sha256()
        for chunk in _chunks(source):
            found.update(chunk)
        if found.hexdigest() != digest:
            source.close()
            raise BlobCorrupt(f"The file {digest[:12]}… is damaged.", digest=digest)
        source.seek(0)
        return _closing(source)

    def remove(self, digest: str) -> None:
        """Remove a blob that nothing refers to any more; it does not matter whether there is one."""
        self._storage.delete(self._name(digest))

    def local_path(self, digest: str, folder: Path) -> Path:
        """Write a verified copy of a blob into ``folder`` and return its path."""
        target = folder / digest
        target.write_bytes(self.read(digest))
        return target


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK_BYTES):
        yield chunk


def _closing(source: IO[bytes]) -> Iterator[bytes]:
    try:
        yield from _chunks(source)
    finally:
        source.close()


def default_store() -> BlobStore:
    """Return the store that the settings name (``STORAGES["blobs"]``)."""
    if "blobs" in settings.STORAGES:
        return BlobStore(storages["blobs"])
    return BlobStore(storages["default"])
