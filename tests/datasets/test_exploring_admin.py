"""Rows, SQL, moments and comparisons in the admin."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any, cast
from urllib.parse import quote

from django.test import Client
from django.urls import reverse

from accounts.models import Project, Role
from datasets.models import Dataset, DatasetVersion, VersionComparison
from jobs.models import Job

Ingested = Callable[..., DatasetVersion]
EVIL = "<img src=x onerror=alert(1)>"
CSV = ("n,kind\n" + "".join(f"{i},word{i % 3}\n" for i in range(45))).encode()


def shown(client: Client, name: str, *args: object, query: str = "") -> str:
    answer = client.get(reverse(f"admin:datasets_{name}", args=args) + query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_rows_are_filtered_and_sorted_by_links_and_a_form(
    staff: Callable[..., Client], ingested: Ingested
) -> None:
    version = ingested(CSV)
    client = staff(Role.VIEWER)
    form = (
        "?column_0=kind&operator_0=equals&value_0=word1&column_1=n&operator_1=between&value_1=4;40"
    )
    page = shown(client, "datasetversion_change", version.pk, query=f"{form}&order=-n")
    assert "Rows 1 to 13 of 13" in page
    assert page.index(">40<") < page.index(">37<")
    assert "n ▼" in page
    filters = '[{"column": "kind", "operator": "equals", "value": "word1"}]'
    link = f"?filters={quote(filters)}"
    assert "Rows 1 to 15 of 15" in shown(client, "datasetversion_change", version.pk, query=link)
    for wrong in ("?order=nope", "?filters=x", "?column_0=n&operator_0=less&value_0=x"):
        page = shown(client, "datasetversion_change", version.pk, query=wrong)
        assert "Rows 1 to 20 of 45" in page


def test_a_page_offers_downloads_to_those_who_may(
    staff: Callable[..., Client], ingested: Ingested, other_project: Project
) -> None:
    version = ingested(b"a,b\n1,=x\n2,y\n")
    address = reverse("admin:datasets_datasetversion_download", args=[version.pk])
    viewer = staff(Role.VIEWER)
    page = shown(viewer, "datasetversion_change", version.pk)
    assert address in page
    assert "formulas kept" not in page
    answer = viewer.get(f"{address}?type=csv&order=-a")
    assert answer["Content-Disposition"] == 'attachment; filename="people-v1.csv"'
    assert b"".join(cast("Any", answer).streaming_content) == b'a,b\r\n2,"y"\n1,"\'=x"\n'
    assert viewer.get(f"{address}?raw=true").status_code == 302
    raw = staff(Role.EDITOR).get(f"{address}?raw=true")
    assert b'"=x"' in b"".join(cast("Any", raw).streaming_content)
    assert staff(Role.ADMIN, other_project).get(address).status_code == 404


def test_sql_is_asked_on_a_page(
    staff: Callable[..., Client], ingested: Ingested, project: Project
) -> None:
    ingested(f'"{EVIL}",b\n"{EVIL}",1\nx,2\n'.encode())
    client = staff(Role.VIEWER)
    address = reverse("admin:datasets_dataset_sql")
    assert '"people"' in shown(client, "dataset_sql")
    body = {"project": project.pk, "query": "SELECT * FROM people ORDER BY b"}
    answer = client.post(address, body).content.decode()
    assert EVIL not in answer
    assert "&lt;img src=x" in answer
    assert "2 rows" in answer
    wrong = client.post(address, {**body, "query": "SELECT\n  nope FROM people"}).content.decode()
    assert "line 2, column 3" in wrong
    assert "<mark>nope</mark>" in wrong
    file = client.post(address, {**body, "query": "SELECT '=1' AS \"=a\"", "download": "csv"})
    assert file.content == b"'=a\r\n'=1\r\n"


def test_a_stranger_cannot_ask_in_another_project(
    staff: Callable[..., Client], ingested: Ingested, project: Project, other_project: Project
) -> None:
    ingested(b"a\n1\n")
    client = staff(Role.ADMIN, other_project)
    assert "people" not in shown(client, "dataset_sql", query=f"?project={project.pk}")
    body = {"project": project.pk, "query": "SELECT * FROM people"}
    answer = client.post(reverse("admin:datasets_dataset_sql"), body)
    assert "Select a valid choice" in answer.content.decode()


def test_a_moment_leads_to_its_version(
    staff: Callable[..., Client], ingested: Ingested, dataset: Dataset
) -> None:
    version = ingested(b"a\n1\n")
    client = staff(Role.VIEWER)
    address = reverse("admin:datasets_dataset_at_moment", args=[dataset.pk])
    assert client.get(address).status_code == 200
    found = client.get(f"{address}?time=2199-01-01")
    assert found.headers["Location"].endswith(f"/{version.pk}/change/")
    assert b"had no ready version" in client.get(f"{address}?time=1999-01-01").content
    assert b"ISO 8601" in client.get(f"{address}?time=soon").content


def test_versions_are_compared_on_a_page(
    staff: Callable[..., Client],
    ingested: Ingested,
    run_all_jobs: Callable[[], list[Job]],
    other_project: Project,
) -> None:
    base = ingested(f"id,x\n1,{EVIL}\n2,b\n3,c\n".encode())
    other = ingested(b"id,x\n1,a\n2,B\n4,d\n")
    address = reverse("admin:datasets_datasetversion_compare", args=[other.pk])
    viewer, editor = staff(Role.VIEWER), staff(Role.EDITOR)
    body = {"base": base.pk, "key": ["id"]}
    assert viewer.get(address).status_code == 200
    viewer.post(address, body)
    assert not VersionComparison.objects.exists()
    assert editor.post(address, {"base": other.pk}).status_code == 200
    answer = editor.post(address, body)
    comparison = VersionComparison.objects.get()
    page = reverse("admin:datasets_versioncomparison_change", args=[comparison.pk])
    assert answer.headers["Location"] == page
    assert b"are being compared" in viewer.get(page).content
    run_all_jobs()
    html = viewer.get(page).content.decode()
    assert EVIL not in html
    assert "&lt;img src=x" in html
    for text in ("2 changed", "1 added", "1 removed", "Changed rows by column"):
        assert text in html
    assert str(comparison) in shown(viewer, "versioncomparison_changelist")
    stranger = staff(Role.ADMIN, other_project)
    assert stranger.get(page).status_code == 302
    assert stranger.get(address).status_code == 404
