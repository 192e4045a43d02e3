"""Talking to S3 and what speaks like it: one set of coordinates for the table engine and for files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem, S3FileSystem

_CONNECT_SECONDS = 5
_REQUEST_SECONDS = 60
_ATTEMPTS = 5
_RETRY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class ObjectStorage:
    """Where objects are kept and who asks for them.

    Attributes
    ----------
    endpoint_url
        ``http(s)://host[:port]`` of a service other than Amazon's; empty for Amazon S3.
    region
        Its region; services of one's own mostly take any.
    access_key_id, secret_access_key
        The key; both empty leaves it to the machine (``AWS_*`` variables, instance roles).
    """

    endpoint_url: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)

    def delta_options(self) -> dict[str, str]:
        """Return the options of the Delta engine.

        Commits are conditional puts (``aws_conditional_put=etag``): of two writers that want the same
        version of a table exactly one gets it, without a lock table beside the bucket. Time and
        retries are bounded, so that a store that is away is noticed.
        """
        options = {
            "aws_region": self.region,
            "aws_conditional_put": "etag",
            "connect_timeout": f"{_CONNECT_SECONDS}s",
            "timeout": f"{_REQUEST_SECONDS}s",
            "max_retries": str(_ATTEMPTS),
            "retry_timeout": f"{_RETRY_SECONDS}s",
        }
        if self.access_key_id:
            options["aws_access_key_id"] = self.access_key_id
            options["aws_secret_access_key"] = self.secret_access_key
        if self.endpoint_url:
            options["aws_endpoint"] = self.endpoint_url
            options["aws_virtual_hosted_style_request"] = "false"
            if self.endpoint_url.startswith("http://"):
                options["aws_allow_http"] = "true"
        return options

    def filesystem(self) -> S3FileSystem:
        """Return the objects as files."""
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        named: dict[str, str] = {}
        if self.access_key_id:
            named |= {"access_key": self.access_key_id, "secret_key": self.secret_access_key}
        if self.endpoint_url:
            parts = urlsplit(self.endpoint_url)
            named |= {"endpoint_override": parts.netloc, "scheme": parts.scheme}
        return S3FileSystem(
            region=self.region,
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_REQUEST_SECONDS,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
            **named,
        )


def object_storage() -> ObjectStorage:
    """Return the store that the settings name."""
    return ObjectStorage(**settings.OBJECT_STORAGE)


def is_object(path: str) -> bool:
    """Whether an address is one of object storage."""
    return "://" in path


def storage_options(path: str) -> dict[str, str] | None:
    """Return the Delta engine's options for a table; None for one in a folder."""
    return object_storage().delta_options() if is_object(path) else None


def folder_of(path: str) -> FileSystem:
    """Return the folder of a table, local or in object storage, as a file system of its own."""
    from pyarrow import fs

    if is_object(path):
        folder = path.partition("://")[2].strip("/")
        return fs.SubTreeFileSystem(folder, object_storage().filesystem())
    return fs.SubTreeFileSystem(path, fs.LocalFileSystem())


def remove_folder(path: str) -> None:
    """Delete all objects below an ``s3://`` address; it does not matter whether there are any."""
    from pyarrow.fs import FileSelector, FileType

    store = object_storage().filesystem()
    folder = path.partition("://")[2].strip("/")
    found = store.get_file_info(FileSelector(folder, allow_not_found=True, recursive=True))
    for entry in found:
        if entry.type is FileType.File:
            store.delete_file(entry.path)
    if any(entry.type is FileType.Directory for entry in found):
        store.delete_dir(folder)
