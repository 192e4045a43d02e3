"""An upload whose connection ends before its body does is no upload."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from pytest_django import Settings
from rest_framework.test import APIClient

from datasets.models import Dataset, DatasetVersion
from jobs.models import Job

pytestmark = pytest.mark.django_db

BOUNDARY = "frontier"
CSV = b"a,b\n" + b"".join(b"%d,x\n" % number for number in range(5_000))


def body_of(content: bytes) -> bytes:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


class Breaking(io.BytesIO):
    """A body that breaks off with an error instead of an end."""

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            raise ConnectionResetError
        return data


def post(client: APIClient, dataset: Dataset, stream: io.BytesIO, length: int) -> tuple[int, Any]:
    """Send a body as a server hands it over, and return status and JSON."""
    given: dict[str, Any] = {"wsgi.input": stream, "CONTENT_LENGTH": str(length)}
    answer = client.generic(
        "POST",
        f"/api/v1/datasets/{dataset.pk}/versions/",
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        **given,
    )
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("stream", "answer"), [(io.BytesIO, (422, "invalid")), (Breaking, (400, "malformed"))]
)
@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
def test_a_body_that_ends_early_leaves_no_row_and_no_file(
    stream: type[io.BytesIO],
    answer: tuple[int, str],
    part: float,
    api: Callable[..., APIClient],
    dataset: Dataset,
    tmp_path: Path,
    settings: Settings,
) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "incoming")
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000
    Path(settings.FILE_UPLOAD_TEMP_DIR).mkdir()
    body = body_of(CSV)
    client = api()
    status, said = post(client, dataset, stream(body[: int(part * len(body))]), len(body))
    assert (status, said["code"]) == answer, said
    assert not Job.objects.exists()
    assert not DatasetVersion.objects.exists()
    kept = Path(site.UPLOADS_ROOT)
    assert not list(kept.rglob("*")) if kept.exists() else True
    assert not list(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir())
    status, said = post(client, dataset, io.BytesIO(body), len(body))
    assert status == 202, said
    assert Job.objects.count() == 1
