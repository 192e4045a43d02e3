"""What is logged to a run, and how it comes back."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import Project, Role
from accounts.principals import Principal
from accounts.selectors import principal_of_user
from core.errors import Forbidden, NotFound
from experiments import selectors, services
from experiments.errors import ArtifactPathRefused, IllegalRunMove, ParamChanged
from experiments.models import NEXT_STATUSES, Run, RunStatus

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def run(principal: Principal) -> Run:
    experiment = services.get_or_create_experiment(principal=principal, name="prices")
    return services.create_run(principal=principal, experiment=experiment, tags={"team": "a"})


def test_an_experiment_is_made_once_per_name(principal: Principal) -> None:
    first = services.get_or_create_experiment(principal=principal, name="prices")
    assert services.get_or_create_experiment(principal=principal, name="prices") == first


def test_runs_are_made_by_editors_in_their_own_project(
    principal_as: Callable[[Role], Principal],
    make_user: Callable[..., User],
    other_project: Project,
    run: Run,
) -> None:
    viewer = principal_as(Role.VIEWER)
    with pytest.raises(Forbidden):
        services.create_run(principal=viewer, experiment=run.experiment)
    with pytest.raises(Forbidden):
        services.get_or_create_experiment(principal=viewer, name="x")
    stranger = principal_of_user(make_user(Role.EDITOR, in_project=other_project))
    with pytest.raises(NotFound):
        services.create_run(principal=stranger, experiment=run.experiment)


@pytest.mark.parametrize(("old", "new"), list(product(RunStatus, RunStatus)))
def test_a_run_makes_the_moves_of_its_state_machine_and_no_others(
    run: Run, old: RunStatus, new: RunStatus
) -> None:
    Run.objects.filter(pk=run.pk).update(status=old)
    if new in NEXT_STATUSES[old]:
        moved = services.move_run(run, new)
        assert moved.status == new
        stamp = moved.started_at if new is RunStatus.RUNNING else moved.ended_at
        assert stamp is not None
        return
    with pytest.raises(IllegalRunMove):
        services.move_run(run, new)
    run.refresh_from_db()
    assert run.status == old


def test_a_parameter_is_written_once(run: Run) -> None:
    services.log_params(run, {"depth": 3, "alpha": 0.5})
    services.log_params(run, {"depth": 3, "seed": 7})
    with pytest.raises(ParamChanged) as caught:
        services.log_params(run, {"fresh": 1, "depth": 4})
    assert caught.value.field == "depth"
    logged = dict(run.params.values_list("key", "value"))
    assert logged == {"alpha": "0.5", "depth": "3", "seed": "7"}


def test_the_latest_value_of_a_metric_counts_and_what_is_no_number_is_missing(run: Run) -> None:
    services.log_metrics(run, {"loss": 0.9, "auc": math.nan}, step=0)
    services.log_metrics(run, {"loss": 0.4, "gain": math.inf}, step=1)
    assert selectors.latest_metrics(run) == {"auc": None, "gain": None, "loss": 0.4}
    series = list(run.metrics.filter(key="loss").values_list("step", "value"))
    assert series == [(0, 0.9), (1, 0.4)]


def test_a_file_of_the_same_path_replaces_the_first(run: Run) -> None:
    services.log_artifact(run, path="plots/./roc.json", data=b"one", content_type="text/plain")
    again = services.log_artifact(run, path="plots/roc.json", data=b"two2", content_type="x/y")
    (kept,) = run.artifacts.all()
    assert (kept.pk, kept.path, kept.size_bytes) == (again.pk, "plots/roc.json", 4)


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "", ".", "a\\b", "a\0b"])
def test_no_file_leaves_its_run(run: Run, path: str) -> None:
    with pytest.raises(ArtifactPathRefused):
        services.log_artifact(run, path=path, data=b"x", content_type="text/plain")
    assert not run.artifacts.exists()


def test_a_run_comes_back_by_rest_with_all_that_was_logged(api: Api, run: Run) -> None:
    services.log_params(run, {"depth": 3})
    services.log_metrics(run, {"auc": 0.75, "loss": math.nan})
    services.log_artifact(run, path="page.html", data=NASTY.encode(), content_type="text/html")
    found = api().get(f"/api/v1/runs/{run.pk}/").json()
    assert found["run_id"] == run.run_id
    assert found["params"] == {"depth": "3"}
    assert found["metrics"] == {"auc": 0.75, "loss": None}
    assert found["tags"] == {"team": "a"}
    assert found["artifacts"][0]["path"] == "page.html"


def test_files_leave_as_attachments_that_no_browser_runs(api: Api, run: Run) -> None:
    services.log_artifact(run, path="page.html", data=NASTY.encode(), content_type="text/html")
    url = f"/api/v1/runs/{run.pk}/artifact/"
    answer = api().get(url, {"path": "page.html"})
    assert answer.content == NASTY.encode()
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert api().get(url, {"path": "../page.html"}).status_code == 404
    assert api().get(url).status_code == 404


def test_another_project_finds_nothing(api: Api, other_project: Project, run: Run) -> None:
    stranger = api(in_project=other_project)
    for url in ("runs/", "experiments/"):
        assert stranger.get(f"/api/v1/{url}").json()["count"] == 0
    for url in (f"runs/{run.pk}/", f"experiments/{run.experiment_id}/"):
        assert stranger.get(f"/api/v1/{url}").status_code == 404


def test_runs_are_narrowed_and_ordered(api: Api, principal: Principal, run: Run) -> None:
    other = services.create_run(principal=principal, experiment=run.experiment)
    services.move_run(other, RunStatus.RUNNING)
    client = api()
    running = client.get("/api/v1/runs/", {"status": "running"}).json()["results"]
    assert [one["id"] for one in running] == [other.pk]
    ordered = client.get("/api/v1/runs/", {"ordering": "created_at"}).json()["results"]
    assert [one["id"] for one in ordered] == [run.pk, other.pk]


@pytest.mark.parametrize("url", ["/api/v1/runs/", "/api/v1/experiments/"])
def test_lists_take_as_many_queries_for_many_rows_as_for_few(
    api: Api,
    principal: Principal,
    run: Run,
    url: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = api()
    client.get(url)
    for number in range(5):
        experiment = services.get_or_create_experiment(principal=principal, name=f"e{number}")
        services.create_run(principal=principal, experiment=experiment)
    with django_assert_max_num_queries(6):
        assert client.get(url).json()["count"] == 6


def test_the_page_of_a_run_shows_names_as_text(
    client: Client, make_user: Callable[..., User], principal: Principal
) -> None:
    experiment = services.get_or_create_experiment(principal=principal, name=NASTY)
    run = services.create_run(principal=principal, experiment=experiment, name=NASTY)
    services.log_params(run, {NASTY: NASTY})
    services.log_metrics(run, {NASTY: 0.5})
    services.log_artifact(run, path="x" + NASTY.replace("/", ""), data=b"1", content_type="a/b")
    _sign_in(client, make_user(Role.VIEWER))
    for page in (
        f"/admin/experiments/run/{run.pk}/change/",
        "/admin/experiments/run/",
        f"/admin/experiments/experiment/{experiment.pk}/change/",
    ):
        answer = client.get(page)
        assert answer.status_code == 200
        assert NASTY not in answer.content.decode()
        assert "&lt;script&gt;" in answer.content.decode()


def test_members_of_other_projects_see_no_run_in_the_admin(
    client: Client, make_user: Callable[..., User], other_project: Project, run: Run
) -> None:
    _sign_in(client, make_user(Role.ADMIN, in_project=other_project))
    answer = client.get(f"/admin/experiments/run/{run.pk}/change/")
    assert answer.status_code in (302, 404)
    assert run.run_id not in client.get("/admin/experiments/run/").content.decode()


def _sign_in(client: Client, user: User) -> None:
    user.is_staff = True
    user.save()
    client.force_login(user)
