"""Datasets in the admin: looked at, filled, deleted, and safe to look at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Project, Role
from datasets.models import Dataset, DatasetVersion
from datasets.presentation import column_cards, number_text, size_text
from datasets.profile import TableStream
from datasets.schema.arrow import schema_from_arrow
from jobs.models import Job, JobStatus

EVIL = "<img src=x onerror=alert(1)>"
Ingested = Callable[..., DatasetVersion]


def page(client: Client, name: str, *args: object, query: str = "") -> str:
    answer = client.get(reverse(f"admin:datasets_{name}", args=args) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_pages_of_a_dataset_show_what_is_in_it(
    staff: Callable[..., Client], ingested: Ingested, dataset: Dataset
) -> None:
    rows = "".join(f"{i},{i / 7},word{i % 3},2020-01-0{i % 9 + 1}\n" for i in range(45))
    version = ingested(("n,x,kind,at\n" + rows).encode())
    client = staff(Role.VIEWER)
    assert "people" in page(client, "dataset_changelist")
    assert "v1" in page(client, "dataset_change", dataset.pk)
    assert version.sha256[:12] in page(client, "datasetversion_changelist")
    shown = page(client, "datasetversion_change", version.pk)
    assert "word0" in shown
    assert "Rows 1 to 20 of 45" in shown
    assert "?offset=20#rows" in shown
    assert "Rows 41 to 45 of 45" in page(
        client, "datasetversion_change", version.pk, query="?offset=40"
    )
    for query in ("?offset=x", "?offset=-1", "?offset=99999999999999999999"):
        assert "Rows 1 to 20" in page(client, "datasetversion_change", version.pk, query=query)


def test_names_and_values_are_escaped(
    staff: Callable[..., Client], ingested: Ingested, dataset: Dataset
) -> None:
    version = ingested(f'"{EVIL}",b\n"{EVIL}",1\n"{EVIL}",3\nx,2.5\n'.encode())
    Dataset.objects.filter(pk=dataset.pk).update(name=EVIL)
    client = staff(Role.EDITOR)
    for html in (
        page(client, "datasetversion_change", version.pk),
        page(client, "datasetversion_changelist"),
        page(client, "dataset_change", dataset.pk),
        page(client, "dataset_changelist"),
        page(client, "dataset_upload_file", dataset.pk),
        page(client, "dataset_delete_dataset", dataset.pk),
    ):
        assert EVIL not in html
    assert "&lt;img src=x" in page(client, "datasetversion_change", version.pk)


def test_a_file_is_uploaded_in_the_admin(
    staff: Callable[..., Client], dataset: Dataset, run_job: Callable[[Job], Job]
) -> None:
    client = staff(Role.EDITOR)
    address = reverse("admin:datasets_dataset_upload_file", args=[dataset.pk])
    assert client.get(address).status_code == 200
    file = SimpleUploadedFile("data.csv", b"a\n1\n")
    answer = client.post(address, {"file": file, "mode": "replace"})
    job = Job.objects.get()
    assert answer.headers["Location"] == reverse("admin:jobs_job_change", args=[job.pk])
    assert run_job(job).status == JobStatus.SUCCEEDED
    nothing = client.post(address, {"mode": "replace"})
    assert nothing.status_code == 200
    assert Job.objects.count() == 1


def test_a_dataset_is_made_and_renamed_in_the_admin(
    staff: Callable[..., Client], project: Project
) -> None:
    client = staff(Role.EDITOR)
    body = {"project": project.pk, "name": "new", "description": ""}
    inlines = {
        f"{name}-{count}_FORMS": 0
        for name in ("versions", "grants")
        for count in ("TOTAL", "INITIAL")
    }
    add = reverse("admin:datasets_dataset_add")
    assert client.get(add).status_code == 200
    assert client.post(add, body).status_code == 302
    dataset = Dataset.objects.get(name="new")
    change = reverse("admin:datasets_dataset_change", args=[dataset.pk])
    assert client.post(change, {"name": "newer", "description": "", **inlines}).status_code == 302
    dataset.refresh_from_db()
    assert dataset.name == "newer"
    taken = client.post(add, {**body, "name": "newer"})
    assert taken.status_code in (200, 302)
    assert Dataset.objects.count() == 1


def test_a_dataset_is_deleted_only_after_a_question(
    staff: Callable[..., Client], dataset: Dataset
) -> None:
    client = staff(Role.EDITOR)
    address = reverse("admin:datasets_dataset_delete_dataset", args=[dataset.pk])
    assert client.get(address).status_code == 200
    assert Dataset.objects.exists()
    assert client.post(address).status_code == 302
    assert not Dataset.objects.exists()


def test_a_version_is_archived_only_after_a_question(
    staff: Callable[..., Client], ingested: Ingested
) -> None:
    version = ingested(b"a\n1\n")
    client = staff(Role.EDITOR)
    for action, status in (("archive", "archived"), ("restore", "ready")):
        address = reverse(f"admin:datasets_datasetversion_{action}", args=[version.pk])
        assert client.get(address).status_code == 200
        assert client.post(address).status_code == 302
        version.refresh_from_db()
        assert version.status == status


def test_a_viewer_may_not_upload_and_a_stranger_sees_nothing(
    staff: Callable[..., Client], dataset: Dataset, ingested: Ingested, other_project: Project
) -> None:
    version = ingested(b"a\n1\n")
    upload = reverse("admin:datasets_dataset_upload_file", args=[dataset.pk])
    remove = reverse("admin:datasets_dataset_delete_dataset", args=[dataset.pk])
    viewer = staff(Role.VIEWER)
    assert viewer.get(upload).status_code == 403
    assert viewer.post(remove).status_code == 403
    assert viewer.get(reverse("admin:datasets_dataset_add")).status_code == 403
    stranger = staff(Role.ADMIN, other_project)
    assert "people" not in page(stranger, "dataset_changelist")
    for address in (
        upload,
        remove,
        reverse("admin:datasets_dataset_change", args=[dataset.pk]),
        reverse("admin:datasets_datasetversion_change", args=[version.pk]),
    ):
        assert stranger.get(address).status_code in (302, 403, 404)
        assert stranger.post(address).status_code in (302, 403, 404)
    assert Dataset.objects.exists()


def test_a_failed_version_has_a_page(
    staff: Callable[..., Client], upload: Callable[..., Job], run_job: Callable[[Job], Job]
) -> None:
    job = run_job(upload(b"a,b\n1\n"))
    version = DatasetVersion.objects.get(job=job)
    assert "failed" in page(staff(Role.VIEWER), "datasetversion_change", version.pk)


def test_a_page_says_what_is_estimated() -> None:
    numbers = np.arange(300_000)
    table = pa.table(
        {
            "many": numbers,
            "few": numbers % 1_000,
            "texts": pa.array(numbers % 5_000).cast(pa.string()),
            "names": pa.array(numbers % 3).cast(pa.string()),
        }
    )

    def shown(rows: int) -> dict[str, tuple[str, int]]:
        stream = TableStream(schema_from_arrow(table.schema))
        for batch in table.slice(0, rows).to_batches(max_chunksize=50_000):
            stream.update(batch)
        cards = column_cards({}, stream.profile().to_dict())
        return {card.name: (card.distinct, len(card.notes)) for card in cards}

    assert shown(1_000) == {
        "many": ("1,000", 0),
        "few": ("1,000", 0),
        "texts": ("1,000", 0),
        "names": ("3", 0),
    }
    large = shown(300_000)
    assert large.pop("many")[0].startswith("≈ ")
    assert large == {"few": ("1,000", 1), "texts": ("5,000", 1), "names": ("3", 0)}


def test_bars_are_relative_to_the_longest() -> None:
    profile = {
        "columns": [
            {
                "name": "x", "type": "string", "nulls": 0, "null_fraction": 0.0, "distinct": 2,
                "top": [{"value": "a", "count": 4}, {"value": "", "count": 1}], "other_count": 2,
            }
        ]
    }  # fmt: skip
    (card,) = column_cards({"columns": []}, profile)
    assert [(bar.label, bar.percent) for bar in card.top] == [
        ("a", 100.0),
        ("(empty text)", 25.0),
        ("other values", 50.0),
    ]
    assert [size_text(n) for n in (None, 12, 1500, 2_000_000)] == ["–", "12 B", "1.5 kB", "2.0 MB"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.12345, "0.1235"), (-7.0, "-7"), (74_876.5, "74,876"), (3e15, "3e+15"), (1e-9, "1e-09")],
)
def test_numbers_are_written_as_a_person_reads_them(number: float, text: str) -> None:
    assert number_text(number) == text
