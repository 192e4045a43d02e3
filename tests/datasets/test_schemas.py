"""Edited schemas: refused when they make no sense, enforced on every later ingest, followed by training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from datasets import services
from datasets.errors import SchemaChanged, SchemaMissing, SchemaRefused
from datasets.models import Dataset, DatasetVersion
from datasets.schema import Column, ColumnType, Schema, ValueLimits, declared_schema
from datasets.selectors import active_schema
from jobs.models import Job, JobStatus

Api = Callable[..., APIClient]
Ingested = Callable[..., DatasetVersion]

PEOPLE = b"id,age,town,at\n1,30,Rome,2024-01-01\n2,41,Oslo,2024-01-02\n3,,Rome,2024-01-03\n"


def columns_of(version: DatasetVersion, **changes: dict[str, Any]) -> list[dict[str, Any]]:
    columns = Schema.from_dict(version.schema)
    return [{**column.to_dict(), **changes.get(column.name, {})} for column in columns]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"type": "money"}, "columns[0].type"),
    ({"role": "boss"}, "columns[0].role"),
    ({"role": "timestamp"}, "columns[0].role"),
    ({"minimum": "low"}, "columns[0].minimum"),
    ({"minimum": True}, "columns[0].minimum"),
    ({"minimum": 1.5}, "columns[0].minimum"),
    ({"minimum": 3, "maximum": 2}, "columns[0].maximum"),
    ({"type": "string", "minimum": 3}, "columns[0].minimum"),
    ({"type": "timestamp", "maximum": "yesterday"}, "columns[0].maximum"),
    ({"categories": ["a"]}, "columns[0].categories"),
    ({"categories": "a"}, "columns[0].categories"),
    ({"type": "number", "categories": [1.5]}, "columns[0].categories"),
    ({"type": "string", "categories": ["x" * 201]}, "columns[0].categories"),
    ({"type": "string", "categories": ["\0"]}, "columns[0].categories"),
    ({"description": "\0"}, "columns[0].description"),
    ({"type": "string", "categories": ["x"] * 1_001}, "columns[0].categories"),
    ({"nullable": "perhaps"}, "columns[0].nullable"),
    ({"description": "x" * 1_001}, "columns[0].description"),
    ({"name": ""}, "columns"),
    ({"name": "b"}, "columns"),
]


@pytest.mark.parametrize(("change", "field"), WRONG, ids=[str(case[0])[:40] for case in WRONG])
def test_a_schema_that_cannot_be_is_refused_at_its_field(
    change: dict[str, Any], field: str
) -> None:
    items = [{"name": "a", "type": "integer", **change}, {"name": "b", "type": "string"}]
    with pytest.raises(SchemaRefused) as refused:
        declared_schema(items)
    assert refused.value.errors[0].field == field


def test_two_targets_are_one_too_many() -> None:
    items = [{"name": name, "type": "integer", "role": "target"} for name in "ab"]
    with pytest.raises(SchemaRefused, match="only one column is the target"):
        declared_schema(items)


def test_a_schema_survives_being_stored() -> None:
    limits = ValueLimits(1, 9.5, None, enforce=True)
    columns = (
        Column("a", ColumnType.NUMBER, nullable=False, limits=limits, description="how much"),
        Column("b", ColumnType.STRING, limits=ValueLimits(categories=("x", "y"))),
        Column("c", ColumnType.TIMESTAMP, limits=ValueLimits("2024-01-01T00:00:00+00:00")),
    )
    schema = Schema(columns, revision=3)
    assert Schema.from_dict(schema.to_dict()) == schema
    assert declared_schema(schema.to_dict()["columns"]).columns == columns


def test_each_edit_is_a_revision_and_one_is_in_force(
    principal: Principal, dataset: Dataset, ingested: Ingested
) -> None:
    version = ingested(PEOPLE)
    first = services.edit_schema(
        principal=principal, dataset=dataset, columns=columns_of(version), expected_revision=0
    )
    again = services.edit_schema(principal=principal, dataset=dataset, columns=columns_of(version))
    assert again == first
    second = services.edit_schema(
        principal=principal,
        dataset=dataset,
        columns=columns_of(version, town={"role": "target"}),
        comment="town is what we want to know",
    )
    assert (first.revision, second.revision) == (1, 2)
    with pytest.raises(SchemaChanged):
        services.edit_schema(
            principal=principal, dataset=dataset, columns=columns_of(version), expected_revision=1
        )
    services.activate_schema(principal=principal, dataset=dataset, revision=1)
    found = active_schema(dataset)
    assert found is not None
    assert found.revision == 1
    services.release_schema(principal=principal, dataset=dataset)
    assert active_schema(dataset) is None
    for act in (services.release_schema, services.activate_schema):
        options = {"revision": 7} if act is services.activate_schema else {}
        with pytest.raises(SchemaMissing):
            act(principal=principal, dataset=dataset, **options)
    told = AuditEvent.objects.filter(action__startswith="dataset_schema.").order_by("id")
    assert [event.action.rpartition(".")[2] for event in told] == [
        "edited",
        "edited",
        "activated",
        "released",
    ]


BROKEN: list[tuple[bytes, dict[str, Any], str]] = [
    (b"1,200,Rome,2024-01-01\n", {"age": {"maximum": 120}}, "must be at most 120"),
    (b"1,2,Bonn,2024-01-01\n", {"town": {"categories": ["Rome"]}}, "none of the values"),
    (b"1,,Rome,2024-01-01\n", {"age": {"nullable": False}}, "a value is required"),
    (b"1,2,Rome,2019-01-01\n", {"at": {"minimum": "2020-01-01"}}, "must be at least 2020"),
    (b"1,x,Rome,2024-01-01\n", {}, "cannot be read"),
]


@pytest.mark.parametrize(("row", "change", "reason"), BROKEN)
def test_rows_that_break_the_schema_are_refused_with_row_column_and_reason(
    principal: Principal,
    dataset: Dataset,
    ingested: Ingested,
    upload: Callable[..., Job],
    run_job: Callable[[Job], Job],
    row: bytes,
    change: dict[str, Any],
    reason: str,
) -> None:
    version = ingested(PEOPLE)
    services.edit_schema(
        principal=principal, dataset=dataset, columns=columns_of(version, **change)
    )
    good = b"id,age,town,at\n5,50,Rome,2024-05-01\n"
    job = run_job(upload(good + row))
    assert job.status == JobStatus.FAILED
    assert job.error_code in ("schema_violated", "schema_mismatch")
    said = job.error_fields[0]["detail"]
    assert "row 3" in said
    assert reason in job.error_message + said
    assert dataset.versions.filter(status="ready").count() == 1
    assert run_job(upload(good)).status == JobStatus.SUCCEEDED


def test_the_schema_in_force_decides_types_and_roles_of_the_next_version(
    principal: Principal, dataset: Dataset, ingested: Ingested
) -> None:
    version = ingested(PEOPLE)
    said = {"id": {"type": "string", "role": "subject_key"}, "age": {"type": "number"}}
    services.edit_schema(principal=principal, dataset=dataset, columns=columns_of(version, **said))
    schema = Schema.from_dict(ingested(PEOPLE.replace(b"3,,", b"3,7,")).schema)
    assert schema.revision == 1
    assert schema.column("id").type is ColumnType.STRING
    assert schema.column("id").role.value == "subject_key"
    assert schema.column("age").type is ColumnType.NUMBER
    assert schema.column("age").nullable


def test_columns_that_the_schema_does_not_know_are_named(
    principal: Principal,
    dataset: Dataset,
    ingested: Ingested,
    upload: Callable[..., Job],
    run_job: Callable[[Job], Job],
) -> None:
    version = ingested(PEOPLE)
    services.edit_schema(principal=principal, dataset=dataset, columns=columns_of(version))
    job = run_job(upload(b"id,age,town,when\n1,2,Rome,2024-01-01\n"))
    assert job.error_code == "schema_mismatch"
    assert "missing: 'at'; not in the schema: 'when'" in job.error_message


def test_nothing_is_appended_to_rows_of_other_types(
    principal: Principal,
    dataset: Dataset,
    ingested: Ingested,
    upload: Callable[..., Job],
    run_job: Callable[[Job], Job],
) -> None:
    version = ingested(PEOPLE)
    services.edit_schema(
        principal=principal, dataset=dataset, columns=columns_of(version, age={"type": "number"})
    )
    job = run_job(upload(PEOPLE.replace(b"30", b"31"), mode="append"))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "schema_mismatch")
    assert "Replace its rows instead" in job.error_message


def test_the_schema_over_rest(api: Api, dataset: Dataset, ingested: Ingested) -> None:
    version = ingested(PEOPLE)
    client = api()
    address = f"/api/v1/datasets/{dataset.pk}/schema/"
    found = client.get(address).json()
    assert (found["revision"], found["inferred_from"]) == (None, version.pk)
    columns = found["columns"]
    columns[1] |= {"minimum": 0, "maximum": 120, "description": "in years"}
    made = client.put(address, {"columns": columns, "expected_revision": 0})
    assert (made.status_code, made.json()["revision"]) == (200, 1)
    assert client.get(address).json()["columns"][1]["maximum"] == 120
    stale = client.put(address, {"columns": columns, "expected_revision": 0})
    assert (stale.status_code, stale.json()["code"]) == (409, "schema_changed")
    columns[1]["maximum"] = -1
    wrong = client.put(address, {"columns": columns})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "columns[1].maximum"
    assert client.put(address, {"columns": []}).status_code == 422
    assert client.delete(address).status_code == 204
    assert client.post(f"{address}history/1/activate/").json()["is_active"] is True
    assert client.get(f"{address}history/").json()["count"] == 1
    viewer = api(Role.VIEWER)
    assert viewer.get(address).status_code == 200
    assert viewer.put(address, {"columns": columns}).status_code == 403


def test_the_schema_of_another_project_does_not_exist(
    api: Api, dataset: Dataset, other_project: Project
) -> None:
    stranger = api(Role.ADMIN, in_project=other_project)
    address = f"/api/v1/datasets/{dataset.pk}/schema/"
    for method, path in (
        ("get", address),
        ("put", address),
        ("delete", address),
        ("get", f"{address}history/"),
        ("post", f"{address}history/1/activate/"),
    ):
        assert getattr(stranger, method)(path).status_code == 404, (method, path)


@pytest.mark.parametrize("count", [1, 5])
def test_the_history_takes_a_fixed_number_of_queries(
    api: Api,
    dataset: Dataset,
    principal: Principal,
    count: int,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(count):
        items = [{"name": f"c{number}", "type": "integer"}]
        services.edit_schema(principal=principal, dataset=dataset, columns=items)
    client = api()
    with django_assert_max_num_queries(6):
        found = client.get(f"/api/v1/datasets/{dataset.pk}/schema/history/").json()
    assert found["count"] == count


def form_of(columns: list[dict[str, Any]], **more: str) -> dict[str, str]:
    sent = {"columns-TOTAL_FORMS": str(len(columns)), "columns-INITIAL_FORMS": "0", **more}
    for at, column in enumerate(columns):
        for key, value in column.items():
            if isinstance(value, list):
                value = "\n".join(value)
            if value is not False:
                sent[f"columns-{at}-{key}"] = "on" if value is True else str(value)
    return sent


def test_the_page_edits_all_columns_at_once(
    staff: Callable[..., Client], dataset: Dataset, ingested: Ingested
) -> None:
    version = ingested(PEOPLE)
    client = staff(Role.EDITOR)
    address = reverse("admin:datasets_dataset_edit_schema", args=[dataset.pk])
    assert "No schema is in force" in client.get(address).content.decode()
    columns = columns_of(version, town={"categories": ["Rome", "Oslo"]}, age={"minimum": "5"})
    answer = client.post(address, form_of(columns, comment="ages", expected_revision="0"))
    assert answer.status_code == 302
    found = active_schema(dataset)
    assert found is not None
    assert found.column("town").limits.categories == ("Rome", "Oslo")
    assert found.column("age").limits.minimum == 5
    shown = client.get(address).content.decode()
    assert "Revision 1 is in force" in shown
    wrong = form_of(columns_of(version, age={"minimum": "young"}))
    refused = client.post(address, wrong).content.decode()
    assert "a number was expected, not text" in refused
    assert client.post(address, {"action": "release"}).status_code == 302
    assert active_schema(dataset) is None
    assert client.post(address, {"action": "activate-1"}).status_code == 302
    assert client.post(address, {}).status_code == 200
    assert client.post(address, {"action": "activate-99"}).status_code == 200


def test_a_viewer_sees_the_schema_and_cannot_change_it(
    staff: Callable[..., Client], dataset: Dataset, ingested: Ingested
) -> None:
    version = ingested(PEOPLE)
    client = staff(Role.VIEWER)
    address = reverse("admin:datasets_dataset_edit_schema", args=[dataset.pk])
    assert "Save as new revision" not in client.get(address).content.decode()
    assert client.post(address, form_of(columns_of(version))).status_code == 200
    assert active_schema(dataset) is None
