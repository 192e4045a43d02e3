"""An S3 service of the tests' own: moto's server, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from pytest_django import Settings

from mlops_site.settings.storage import blob_storage

#: The engine of the lake holds the interpreter's lock while it waits, so a thread would not do.
_PROGRAM = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of a running S3 service."""
    server = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.stdin.close()
        server.wait(timeout=20)
        server.stdout.close()


@pytest.fixture
def s3(s3_url: str, settings: Settings) -> Any:
    """A client of the service, which is the one that the settings name."""
    settings.OBJECT_STORAGE = {
        "endpoint_url": s3_url,
        "region": "us-east-1",
        "access_key_id": "test",
        "secret_access_key": "test-secret",
    }
    return boto3.client(
        "s3",
        endpoint_url=s3_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test-secret",
    )


@pytest.fixture
def bucket(s3: Any) -> str:
    """The name of an empty bucket."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def lake_in_s3(bucket: str, settings: Settings) -> str:
    """Put the lake into the bucket."""
    settings.LAKE_ROOT = f"s3://{bucket}/lake"
    return bucket


@pytest.fixture
def artifacts_in_s3(bucket: str, settings: Settings) -> str:
    """Put the artifacts into the bucket, as the settings module does it."""
    url = f"s3://{bucket}/artifacts"
    settings.STORAGES = {
        **settings.STORAGES,
        "blobs": blob_storage(url, settings.OBJECT_STORAGE),
    }
    return bucket


@pytest.fixture
def free_port() -> int:
    """A port at which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
