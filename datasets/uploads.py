"""Uploaded files on their way into the lake: stored under names of our own, removed afterwards."""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from core.ids import uuid7
from datasets.errors import EmptyFile, UploadMissing, UploadTooLarge
from jobs.models import Job, JobStatus

_CHUNK = 1 << 20
_ABANDONED_SECONDS = 7 * 24 * 3600
_NAME = re.compile(r"[0-9a-f-]{36}\.upload")


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An uploaded file on disk."""

    path: Path
    sha256: str
    size_bytes: int


def store(file: UploadedFile[bytes] | BinaryIO) -> StoredUpload:
    """Copy the file to a name of our own; nothing is left when the copying breaks off."""
    folder = Path(settings.UPLOADS_ROOT)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{uuid7()}.upload"
    draft = path.with_suffix(".part")
    digest, size = hashlib.sha256(), 0
    try:
        with draft.open("xb") as target:
            for chunk in _chunks(file):
                size += len(chunk)
                if size > settings.UPLOAD_MAX_BYTES:
                    raise UploadTooLarge(
                        f"A file may have at most {settings.UPLOAD_MAX_BYTES} bytes.", field="file"
                    )
                digest.update(chunk)
                target.write(chunk)
        if size == 0:
            raise EmptyFile("The file has no bytes.", field="file")
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    return StoredUpload(path, digest.hexdigest(), size)


def _chunks(file: UploadedFile[bytes] | BinaryIO) -> Iterator[bytes]:
    if isinstance(file, UploadedFile):
        yield from file.chunks(_CHUNK)
        return
    while chunk := file.read(_CHUNK):
        yield chunk


def remove_abandoned() -> None:
    """Remove files older than a week that no waiting or running job will read."""
    folder = Path(settings.UPLOADS_ROOT)
    if not folder.is_dir():
        return
    before = time.time() - _ABANDONED_SECONDS
    old = [path for path in folder.iterdir() if path.is_file() and path.stat().st_mtime < before]
    if not old:
        return
    needed = set(
        Job.objects.filter(
            status__in=[JobStatus.QUEUED, JobStatus.RUNNING], arguments__has_key="upload"
        ).values_list("arguments__upload", flat=True)
    )
    for path in old:
        if path.name not in needed:
            path.unlink(missing_ok=True)


def shown_filename(filename: str) -> str:
    """Return the last part of a name, without control characters; it never becomes a path."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    shown = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    return shown[-150:] or "file"


def upload_path(name: str) -> Path:
    """Return where an uploaded file lies; its name was made by the server.

    Raises
    ------
    UploadMissing
        The name is not one that the server makes.
    """
    if not _NAME.fullmatch(name):
        raise UploadMissing("There is no such upload.")
    return Path(settings.UPLOADS_ROOT) / name


def discard(names: Iterable[str]) -> None:
    """Remove uploaded files that nobody will read any more; names that are not ours are left."""
    for name in names:
        if _NAME.fullmatch(name):
            (Path(settings.UPLOADS_ROOT) / name).unlink(missing_ok=True)
