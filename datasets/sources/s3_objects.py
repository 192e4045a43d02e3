"""Objects in S3 and what speaks like it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings as site

from core.errors import TooLarge
from core.outbound import HostNotAllowed, checked_url
from datasets.errors import SourceMissing, SourceNotAllowed, SourceUnreachable
from datasets.lake.object_storage import ObjectStorage, object_storage
from datasets.sources.asking import (
    MAX_ITEMS,
    Fetched,
    FetchedFile,
    Item,
    SettingField,
    SourceRequest,
)

_WILD = re.compile(r"[*?\[]")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CHUNK_BYTES = 1 << 22


class S3Objects:
    """An object or a pattern of objects.

    With a key of its own a source reads whatever that key may; with the site's key only what
    ``SOURCE_S3_BUCKETS`` lists, and never the site's own lake or artifacts.
    """

    label = "S3 objects"
    fields = (
        SettingField(
            "url",
            "Address",
            "s3://bucket/path, or a pattern such as s3://bucket/in/*.parquet.",
            is_required=True,
        ),
        SettingField(
            "endpoint_url",
            "Endpoint",
            "Of a service other than Amazon's; one of those that the site allows. "
            "Empty: the site's own.",
            binds_secrets=True,
        ),
        SettingField("region", "Region", "Empty: the site's own."),
        SettingField("access_key_id", "Key id", "Empty: the site's own key."),
        SettingField("secret_access_key", "Secret key", is_secret=True),
    )

    def check(
        self, *, project_id: int, settings: Mapping[str, str], secrets: Mapping[str, str]
    ) -> None:
        bucket, key = _bucket_and_key(settings["url"])
        _require_not_ours(bucket, key)
        endpoint = settings.get("endpoint_url", "")
        if endpoint and endpoint not in _endpoints():
            raise SourceNotAllowed(
                "The site does not talk to this endpoint (SOURCE_S3_ENDPOINTS).",
                field="settings.endpoint_url",
            )
        if endpoint:
            try:
                checked_url(endpoint)
            except HostNotAllowed as error:
                raise SourceNotAllowed(error.message, field="settings.endpoint_url") from error
        has_id, has_secret = (
            bool(settings.get("access_key_id")),
            bool(secrets.get("secret_access_key")),
        )
        if has_id is not has_secret:
            missing = "secrets.secret_access_key" if has_id else "settings.access_key_id"
            raise SourceNotAllowed("A key has an id and a secret.", field=missing)
        if not has_id and not _is_open_to_all(bucket, key):
            raise SourceNotAllowed(
                "The site's own key is not used for this bucket (SOURCE_S3_BUCKETS): "
                "give the source a key.",
                field="settings.access_key_id",
            )

    def address(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
        return settings["url"]

    def fetch(self, request: SourceRequest) -> Fetched:
        self.check(
            project_id=request.project_id, settings=request.settings, secrets=request.secrets
        )
        store = _store(request.settings, request.secrets).filesystem()
        bucket, key = _bucket_and_key(request.settings["url"])
        with _unreachable_named():
            items = sorted(_listed(store, bucket, key), key=lambda item: item.name)
            if not items:
                raise SourceMissing("No object has this address.", field="settings.url")
            wanted = request.new_items(items)
            most = site.SOURCE_LOOK_BYTES if request.first_rows else site.UPLOAD_MAX_BYTES
            if sum(item.size_bytes or 0 for item in wanted) > most:
                raise TooLarge(f"The objects have more than {most} bytes together.")
            files = []
            for index, item in enumerate(wanted):
                request.progress(index / len(wanted), "fetching")
                path = request.scratch / f"object-{index}"
                _download(store, f"{bucket}/{item.name}", path, request)
                files.append(FetchedFile(path, item.name))
        return Fetched(
            address=self.address(request.settings, request.secrets),
            files=tuple(files),
            items=tuple(items),
        )


def _endpoints() -> list[str]:
    return [*site.SOURCE_S3_ENDPOINTS, *filter(None, [site.OBJECT_STORAGE["endpoint_url"]])]


def _bucket_and_key(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not _BUCKET.fullmatch(bucket) or not key or "//" in key:
        raise SourceNotAllowed("The address is s3://bucket/path.", field="settings.url")
    return bucket, key


def _is_open_to_all(bucket: str, key: str) -> bool:
    """Whether what is asked for is a listed object, or lies in a listed folder: ``b/in`` is not ``b/in-other``."""
    for allowed in site.SOURCE_S3_BUCKETS:
        named, _, listed = str(allowed).removeprefix("s3://").partition("/")
        folder = listed.rstrip("/")
        if named == bucket and (
            not folder or key == folder or _fixed_part(key).startswith(f"{folder}/")
        ):
            return True
    return False


def _require_not_ours(bucket: str, key: str) -> None:
    """Refuse the site's own lake and artifacts: they hold what other projects keep."""
    fixed = _fixed_part(key)
    for place in (str(site.LAKE_ROOT), str(site.ARTIFACTS_URL)):
        parts = urlsplit(place)
        prefix = parts.path.strip("/")
        is_near = fixed.startswith(prefix) or prefix.startswith(fixed)
        if parts.scheme == "s3" and parts.netloc == bucket and is_near:
            raise SourceNotAllowed("The site's own storage is no source.", field="settings.url")


def _fixed_part(key: str) -> str:
    return _WILD.split(key, maxsplit=1)[0]


def _store(settings: Mapping[str, str], secrets: Mapping[str, str]) -> ObjectStorage:
    ours = object_storage()
    has_own_key = bool(settings.get("access_key_id"))
    return ObjectStorage(
        endpoint_url=settings.get("endpoint_url", ours.endpoint_url),
        region=settings.get("region", ours.region),
        access_key_id=settings.get("access_key_id", ours.access_key_id),
        secret_access_key=secrets["secret_access_key"] if has_own_key else ours.secret_access_key,
    )


@contextmanager
def _unreachable_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceUnreachable(
            "The bucket cannot be read: it is away, is not there, or the key is refused."
        ) from error


def _listed(store: object, bucket: str, key: str) -> Iterator[Item]:
    from pyarrow.fs import FileSelector, FileSystem, FileType

    assert isinstance(store, FileSystem)
    if not _WILD.search(key):
        entries = store.get_file_info([f"{bucket}/{key}"])
    else:
        folder = f"{bucket}/{_fixed_part(key)}".rpartition("/")[0]
        entries = store.get_file_info(
            FileSelector(
                folder, allow_not_found=True, recursive="/" in key[len(folder) - len(bucket) :]
            )
        )
    pattern = _pattern(key)
    count = 0
    for entry in entries:
        name = entry.path.partition("/")[2]
        if entry.type is not FileType.File or not pattern.fullmatch(name):
            continue
        count += 1
        if count > MAX_ITEMS:
            raise TooLarge(
                f"The pattern names more than {MAX_ITEMS} objects.", field="settings.url"
            )
        yield Item(name, entry.size, f"{entry.size}:{entry.mtime_ns}")


def _pattern(key: str) -> re.Pattern[str]:
    """Return the expression of a glob in which ``*`` stays within a folder and ``**`` does not."""
    if not _WILD.search(key):
        return re.compile(re.escape(key))
    parts = [
        r"(?:.*)"
        if part == "**"
        else fnmatch.translate(part).removesuffix(r"\Z").removesuffix(r"\z").replace(".*", "[^/]*")
        for part in key.split("/")
    ]
    return re.compile("/".join(parts))


def _download(store: object, address: str, path: Path, request: SourceRequest) -> None:
    from pyarrow.fs import FileSystem

    assert isinstance(store, FileSystem)
    with store.open_input_stream(address) as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK_BYTES):
            target.write(chunk)
            request.progress(0.0, "fetching")
