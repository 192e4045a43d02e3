"""Sources by REST and in the admin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.models import Project, Role
from datasets.models import Dataset, Source, SourceRun
from jobs.models import Job
from jobs.schedule import Interval
from tests.datasets.source_making import MakeSource

pytestmark = pytest.mark.django_db
URL = "/api/v1/sources/"
SECRET = "postgresql+psycopg://u:hunter2@warehouse.example/db"


def test_a_source_by_rest_from_birth_to_death(
    api: Callable[..., APIClient],
    dataset: Dataset,
    incoming: Path,
    run_job: Callable[[Job], Job],
) -> None:
    (incoming / "a.csv").write_text("name,age\nAda,36\n")
    client = api()
    made = client.post(
        URL,
        {
            "dataset": dataset.pk,
            "kind": "path",
            "name": "in",
            "mode": "append",
            "watermark_column": "age",
            "settings": {"path": f"{incoming}/*.csv"},
            "schedule": {"every": 2, "period": "hours"},
        },
    )
    assert made.status_code == 201, made.content
    one = f"{URL}{made.json()['id']}/"
    assert made.json()["schedule"] == {"every": 2, "period": "hours"}
    assert made.json()["next_run_at"] is not None
    look = client.post(f"{one}check/").json()
    assert (look["item_count"], look["rows"]) == (1, [["Ada", 36]])
    asked = client.post(f"{one}run/", headers={"Idempotency-Key": "k"})
    assert asked.status_code == 202
    assert asked["Location"].endswith(f"{asked.json()['job']['id']}/")
    again = client.post(f"{one}run/")
    assert (again.status_code, again.json()["code"]) == (409, "source_run_under_way")
    run_job(Job.objects.get())
    shown = client.get(one).json()
    assert (shown["last_outcome"], shown["watermark"]) == ("collected", 36)
    (run,) = client.get(f"{one}runs/").json()["results"]
    assert (run["rows"], run["dataset_version"]) == (1, shown["last_version"])
    changed = client.patch(one, {"enabled": False, "schedule": None}).json()
    assert (changed["enabled"], changed["schedule"]) == (False, None)
    assert client.post(f"{one}reset/").json()["watermark"] is None
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404


def test_secrets_are_written_and_never_read(
    api: Callable[..., APIClient],
    dataset: Dataset,
    client: Client,
    admin_user_: User,
    settings: Settings,
) -> None:
    rest = api()
    body = {
        "dataset": dataset.pk,
        "kind": "sql",
        "name": "shop",
        "settings": {"query": "SELECT 1"},
        "secrets": {"url": SECRET},
    }
    made = rest.post(URL, body)
    assert made.status_code == 201, made.content
    assert made.json()["has_secrets"] is True
    one = f"{URL}{made.json()['id']}/"
    client.force_login(admin_user_)
    pages = [
        made.content,
        rest.get(one).content,
        rest.get(URL).content,
        client.get(reverse("admin:datasets_source_change", args=[made.json()["id"]])).content,
        client.get(reverse("admin:datasets_source_changelist")).content,
        client.get(reverse("admin:accounts_auditevent_changelist")).content,
    ]
    assert not any(b"hunter2" in page for page in pages)
    sealed = Source.objects.get().sealed_secrets
    settings.SECRETS_KEYS = ["another"]
    call_command("reseal_secrets")
    assert Source.objects.get().sealed_secrets != sealed
    assert Source.objects.get().secrets == {"url": SECRET}


def test_what_is_wrong_is_named_by_its_field(
    api: Callable[..., APIClient], dataset: Dataset, incoming: Path
) -> None:
    client = api()
    body: dict[str, Any] = {"dataset": dataset.pk, "kind": "path", "name": "x"}
    for changes, field in (
        ({"settings": {"path": "/etc/passwd"}}, "settings.path"),
        ({"settings": {}}, "settings.path"),
        ({"kind": "pigeon", "settings": {}}, "kind"),
        ({"schedule": {"crontab": "x"}, "settings": {"path": "/a"}}, "schedule"),
    ):
        answer = client.post(URL, {**body, **changes})
        assert answer.status_code == 422, answer.content
        assert any(e["field"].startswith(field) for e in answer.json()["errors"])
    assert client.post(URL, {**body, "dataset": 10**9, "settings": {}}).status_code == 404


def test_who_may_what(
    api: Callable[..., APIClient],
    make_source: MakeSource,
    incoming: Path,
    other_project: Project,
) -> None:
    source = make_source("path", path=f"{incoming}/a.csv")
    one = f"{URL}{source.pk}/"
    viewer, stranger = api(Role.VIEWER), api(in_project=other_project)
    assert viewer.get(one).status_code == 200
    calls: list[Callable[[APIClient], Any]] = [
        lambda c: c.patch(one, {"name": "x"}),
        lambda c: c.delete(one),
        lambda c: c.post(f"{one}run/"),
        lambda c: c.post(f"{one}check/"),
        lambda c: c.post(f"{one}reset/"),
    ]
    for call in calls:
        assert call(viewer).status_code == 403
        assert call(stranger).status_code == 404
    assert stranger.get(URL).json()["results"] == []


def test_the_list_asks_as_much_for_many_sources_as_for_one(
    api: Callable[..., APIClient],
    make_source: MakeSource,
    incoming: Path,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(6):
        source = make_source(
            "path", path=f"{incoming}/a.csv", name=f"s{number}", schedule=Interval(1, "days")
        )
        SourceRun.objects.create(source=source)
    client = api()
    client.get(URL)
    with django_assert_max_num_queries(8):
        assert len(client.get(URL).json()["results"]) == 6


def test_the_admin_adds_checks_runs_and_deletes(
    client: Client,
    admin_user_: User,
    dataset: Dataset,
    incoming: Path,
    run_job: Callable[[Job], Job],
) -> None:
    (incoming / "a.csv").write_text("name\n<b>Ada</b>\n")
    client.force_login(admin_user_)
    add = reverse("admin:datasets_source_add")
    assert b"?kind=sql" in client.get(add).content
    form = client.get(f"{add}?kind=path").content
    assert b"settings_path" in form
    assert b"settings_query" not in form
    values = {
        "dataset": dataset.pk,
        "name": "in",
        "mode": "replace",
        "settings_path": "/etc/passwd",
        "on_bad_rows": "refuse",
        "most_bad_share": "0.1",
        "crontab": "0 3 * * *",
        "enabled": "on",
    }
    assert b"not below a folder" in client.post(f"{add}?kind=path", values).content
    values["settings_path"] = f"{incoming}/a.csv"
    assert client.post(f"{add}?kind=path", values).status_code == 302
    source = Source.objects.get()
    page = reverse("admin:datasets_source_change", args=[source.pk])
    act = "admin:datasets_source_{}"
    look = reverse(act.format("check_connection"), args=[source.pk])
    assert b"&lt;b&gt;Ada" in client.post(look).content
    run = reverse(act.format("run_now"), args=[source.pk])
    client.get(run)
    assert not Job.objects.exists()
    client.post(run)
    run_job(Job.objects.get())
    shown = client.get(page).content
    assert b"New version" in shown
    client.post(reverse(act.format("pause"), args=[source.pk]))
    assert not Source.objects.get().enabled
    client.post(reverse(act.format("resume"), args=[source.pk]))
    client.post(reverse(act.format("reset"), args=[source.pk]))
    client.post(page, {**values, "name": "renamed", "crontab": ""})
    source.refresh_from_db()
    assert (source.name, source.schedule, source.position) == ("renamed", None, {})
    client.post(reverse(act.format("remove"), args=[source.pk]))
    assert not Source.objects.exists()
