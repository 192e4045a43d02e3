"""Content-addressed files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.blobs import BlobCorrupt, BlobMissing, BlobStore, default_store


@pytest.fixture
def store() -> BlobStore:
    return default_store()


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.binary(max_size=3000))
def test_a_blob_comes_back_under_its_sha256(store: BlobStore, data: bytes) -> None:
    blob = store.put_bytes(data)
    assert blob.digest == hashlib.sha256(data).hexdigest()
    assert blob.size_bytes == len(data)
    assert store.read(blob.digest) == data


def test_the_same_bytes_are_kept_once(store: BlobStore, lake_home: Path) -> None:
    assert store.put_bytes(b"same") == store.put_bytes(b"same")
    assert len([path for path in (lake_home / "blobs").rglob("*") if path.is_file()]) == 1


def test_a_file_and_its_bytes_are_the_same_blob(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    assert store.put_file(source) == store.put_bytes(b"x" * 3_000_000)


def test_a_flipped_byte_is_noticed(store: BlobStore, lake_home: Path) -> None:
    blob = store.put_bytes(b"precious")
    kept = next(path for path in (lake_home / "blobs").rglob("*") if path.is_file())
    kept.chmod(0o600)
    kept.write_bytes(b"Precious")
    with pytest.raises(BlobCorrupt):
        store.read(blob.digest)
    with pytest.raises(BlobCorrupt):
        store.chunks(blob.digest)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "a" * 63, "A" * 64, "a" * 64])
def test_what_is_no_stored_digest_is_missing(store: BlobStore, digest: str) -> None:
    with pytest.raises(BlobMissing):
        store.read(digest)
    with pytest.raises(BlobMissing):
        store.chunks(digest)


def test_a_large_blob_comes_piece_by_piece(store: BlobStore) -> None:
    data = b"0123456789" * 250_000
    pieces = list(store.chunks(store.put_bytes(data).digest))
    assert len(pieces) == 3
    assert b"".join(pieces) == data
