"""The model registry over REST."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import Project, Role
from accounts.principals import Principal
from jobs.models import Job
from models_registry import services
from models_registry.artifacts import load_pipeline
from models_registry.models import ModelVersion, RegisteredModel, Validation
from tests.models_registry.conftest import MakeVersion

Api = Callable[..., APIClient]
V1 = "/api/v1"


def test_a_version_tells_everything_about_itself(api: Api, make_version: MakeVersion) -> None:
    version = make_version()
    answer = api(Role.VIEWER).get(f"{V1}/model-versions/{version.pk}/")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["validation"], body["number"]) == ("ready", "passed", 1)
    assert (body["model"], body["model_name"]) == (version.model_id, "churn")
    assert body["metrics"]["roc_auc"] > 0.6
    assert body["baseline_metrics"]["log_loss"] > body["metrics"]["log_loss"]
    assert [field["name"] for field in body["signature"]["inputs"]][:2] == ["size", "weight"]
    assert body["signature"]["classes"] == ["no", "yes"]
    assert body["runtime"] == body["runtime_report"]["chosen"] == "linear"
    assert {gate["kind"] for gate in body["gates"]} == {
        "metric",
        "baseline",
        "wire_parity",
        "serialization",
    }
    assert all(gate["passed"] and gate["reason"] for gate in body["gates"])
    assert body["lineage"]["model_version"]["artifact_sha256"] == version.artifact_digest
    assert body["aliases"] == []


def test_promote_answers_200_and_a_failed_gate_409(api: Api, make_version: MakeVersion) -> None:
    good, bad = make_version(), make_version(metrics={"roc_auc": 0.5})
    client = api(Role.DEPLOYER)
    answer = client.post(f"{V1}/model-versions/{good.pk}/promote/", {"alias": "champion"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"alias": "champion", "model": "churn", "version": good.pk, "number": 1},
    )
    refused = client.post(f"{V1}/model-versions/{bad.pk}/promote/", {})
    assert refused.status_code == 409
    assert refused["Content-Type"] == "application/problem+json"
    problem = refused.json()
    assert problem["code"] == "version_not_validated"
    assert "roc_auc is 0.5" in problem["detail"]
    assert problem["gates"][0]["name"] == "roc_auc ≥ 0.6"
    shown = client.get(f"{V1}/models/{good.model_id}/").json()
    assert shown["aliases"] == {"champion": good.pk}
    stale = client.post(
        f"{V1}/model-versions/{bad.pk}/promote/", {"alias": "champion", "expected_version": bad.pk}
    )
    assert (stale.status_code, stale.json()["code"]) == (409, "alias_moved")
    for body, field in (
        ({"alias": "latest"}, "alias"),
        ({"alias": 5000 * "x"}, "alias"),
        ({"expected_version": 10**30}, "expected_version"),
        ({"expected_version": "x"}, "expected_version"),
        ({"reason": "x" * 501}, "reason"),
    ):
        answer = client.post(f"{V1}/model-versions/{good.pk}/promote/", body)
        assert answer.status_code == 422, answer.content
        assert answer.json()["errors"][0]["field"] == field


def test_rollback_and_the_history_of_aliases(api: Api, make_version: MakeVersion) -> None:
    one, two = make_version(), make_version()
    client = api(Role.DEPLOYER)
    address = f"{V1}/models/{one.model_id}"
    assert client.post(f"{address}/rollback/", {}).json()["code"] == "nothing_to_roll_back_to"
    for version in (one, two):
        client.post(f"{V1}/model-versions/{version.pk}/promote/", {"reason": "better"})
    answer = client.post(f"{address}/rollback/", {"reason": "nonsense"})
    assert (answer.status_code, answer.json()["number"]) == (200, 1)
    moves = client.get(f"{address}/alias-moves/?name=champion").json()
    assert moves["count"] == 3
    newest = moves["results"][0]
    assert (newest["from_number"], newest["to_number"], newest["reason"]) == (2, 1, "nonsense")
    assert client.get(f"{address}/alias-moves/?page_size=1").json()["count"] == 5
    client.post(f"{V1}/model-versions/{two.pk}/promote/", {"alias": "next.one"})
    assert client.delete(f"{address}/aliases/next.one/").status_code == 204
    assert client.delete(f"{address}/aliases/next.one/").status_code == 404
    assert client.delete(f"{address}/aliases/champion/").status_code == 422
    assert client.get(f"{address}/alias-moves/").json()["results"][0]["to_version"] is None


def test_a_model_is_described_and_guarded(api: Api, model: RegisteredModel) -> None:
    address = f"{V1}/models/{model.pk}/"
    answer = api(Role.EDITOR).patch(address, {"description": "who leaves", "name": "mine"})
    assert answer.status_code == 200
    assert (answer.json()["description"], answer.json()["name"]) == ("who leaves", "churn")
    assert api(Role.DEPLOYER).patch(address, {"requires_approval": True}).status_code == 403
    answer = api(Role.ADMIN).patch(address, {"requires_approval": True})
    assert answer.json()["requires_approval"] is True
    assert api(Role.ADMIN).patch(address, {"requires_approval": "perhaps"}).status_code == 422
    assert api(Role.VIEWER).patch(address, {"description": "x"}).status_code == 403


def test_status_moves(api: Api, make_version: MakeVersion) -> None:
    version = make_version()
    client = api(Role.DEPLOYER)
    address = f"{V1}/model-versions/{version.pk}"

    def move(name: str, **body: str) -> tuple[int, str]:
        answer = client.post(f"{address}/{name}/", body)
        said = answer.json()
        return answer.status_code, said.get("code") or said["status"]

    assert move("quarantine") == (422, "invalid")
    assert move("quarantine", reason="a doubt") == (200, "quarantined")
    assert move("quarantine", reason="a doubt") == (409, "illegal_version_move")
    assert move("promote") == (409, "version_not_ready")
    assert move("release", reason="it was nothing") == (200, "ready")
    assert move("release", reason="again") == (409, "illegal_version_move")
    client.post(f"{address}/promote/", {})
    assert move("retire") == (409, "version_in_use")
    assert move("quarantine", reason="a doubt") == (409, "version_in_use")
    other = make_version()
    client.post(f"{V1}/model-versions/{other.pk}/promote/", {})
    assert move("retire") == (200, "retired")
    assert move("release", reason="back") == (409, "illegal_version_move")


def test_a_waiver_is_an_administrators_word_with_a_reason(
    api: Api, make_version: MakeVersion
) -> None:
    version = make_version(metrics={"roc_auc": 0.5})
    address = f"{V1}/model-versions/{version.pk}/waive/"
    assert api(Role.DEPLOYER).post(address, {"reason": "please"}).status_code == 403
    assert api(Role.ADMIN).post(address, {"reason": " "}).status_code == 422
    answer = api(Role.ADMIN).post(address, {"reason": "measured by hand"})
    assert (answer.status_code, answer.json()["validation"]) == (200, "waived")


def test_evaluate_is_a_job(
    api: Api, make_version: MakeVersion, run_all_jobs: Callable[[], list[Job]]
) -> None:
    version = make_version()
    client = api(Role.EDITOR)
    address = f"{V1}/model-versions/{version.pk}/evaluate/"
    answer = client.post(address, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 202
    assert answer["Location"] == f"{V1}/jobs/{answer.json()['job']['id']}/"
    again = client.post(address, headers={"Idempotency-Key": "k"})
    assert again.json()["job"]["id"] == answer.json()["job"]["id"]
    assert client.post(address).status_code == 409
    assert client.get(f"{V1}/model-versions/{version.pk}/").json()["validation"] == "running"
    run_all_jobs()
    ended = client.get(answer["Location"]).json()
    assert ended["result"] == {"model_version": version.pk, "validation": "passed"}


def test_gates_are_made_changed_and_removed(api: Api, make_version: MakeVersion) -> None:
    version = make_version()
    client = api(Role.EDITOR)
    body = {"model": version.model_id, "kind": "metric", "metric": "f1", "threshold": 0.4}
    made = client.post(f"{V1}/gates/", body)
    assert made.status_code == 201
    gate = made.json()
    assert (gate["name"], gate["required"], gate["enabled"]) == ("f1 ≥ 0.4", True, True)
    assert client.post(f"{V1}/gates/", body).json()["code"] == "gate_exists"
    address = f"{V1}/gates/{gate['id']}/"
    changed = client.patch(address, {"threshold": 0.5, "required": False, "kind": "baseline"})
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["kind"]) == ("f1 ≥ 0.5", "metric")
    listed = client.get(f"{V1}/gates/?model={version.model_id}").json()
    assert listed["count"] == 5
    assert client.get(f"{V1}/gates/?model=999").json()["count"] == 0
    assert client.get(f"{V1}/gates/?kind=metric&enabled=true").json()["count"] == 2
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
    viewer = api(Role.VIEWER)
    assert viewer.post(f"{V1}/gates/", body).status_code == 403
    assert viewer.get(f"{V1}/gates/").status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metric": "charm"}, "metric"),
        ({"metric": "r2"}, "metric"),
        ({"metric": ""}, "metric"),
        ({"kind": "magic"}, "kind"),
        ({"kind": None}, "kind"),
        ({"comparison": "eq"}, "comparison"),
        ({"threshold": "much"}, "threshold"),
        ({"threshold": "nan"}, "threshold"),
        ({"threshold": None}, "threshold"),
        ({"required": "perhaps"}, "required"),
        ({"model": "x"}, "model"),
        ({"model": 10**30}, "model"),
    ],
)
def test_a_gate_without_sense_is_refused_with_its_field(
    change: dict[str, Any], field: str, api: Api, make_version: MakeVersion
) -> None:
    body = {"model": make_version().model_id, "kind": "metric", "metric": "f1", "threshold": 0.4}
    answer = api(Role.EDITOR).post(f"{V1}/gates/", {**body, **change})
    assert answer.status_code == 422, answer.content
    assert [item["field"] for item in answer.json()["errors"]] == [field]


def test_approvals_need_two_people(
    api: Api, make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version()
    services.update_model(principal=principal, model=version.model, requires_approval=True)
    author, second = api(Role.DEPLOYER), api(Role.DEPLOYER)
    promote = f"{V1}/model-versions/{version.pk}/promote/"
    assert author.post(promote, {}).json()["code"] == "approval_needed"
    asked = author.post(f"{V1}/approvals/", {"version": version.pk, "comment": "please"})
    assert asked.status_code == 201
    address = f"{V1}/approvals/{asked.json()['id']}"
    refused = author.post(f"{address}/approve/", {})
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person_needed")
    assert api(Role.EDITOR).post(f"{address}/approve/", {}).status_code == 403
    assert second.post(f"{address}/withdraw/").status_code == 403
    approved = second.post(f"{address}/approve/", {"comment": "fine"}).json()
    assert (approved["status"], approved["decision_comment"]) == ("approved", "fine")
    assert second.post(f"{address}/reject/", {}).json()["code"] == "illegal_approval_move"
    assert author.post(promote, {}).status_code == 200
    listed = author.get(f"{V1}/approvals/?status=approved&model={version.model_id}").json()
    assert listed["count"] == 1
    other = make_version()
    asked = author.post(f"{V1}/approvals/", {"version": other.pk}).json()
    assert author.post(f"{V1}/approvals/{asked['id']}/withdraw/").json()["status"] == "withdrawn"
    assert author.post(f"{V1}/approvals/", {"version": 10**30}).status_code == 422
    assert author.post(f"{V1}/approvals/", {"version": 10**6}).status_code == 404


def test_the_artifact_is_downloaded_and_its_digest_verified(
    api: Api, make_version: MakeVersion, lake_home: Any
) -> None:
    version = make_version()
    address = f"{V1}/model-versions/{version.pk}/artifact/"
    answer = api(Role.VIEWER).get(address)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == version.artifact_digest
    assert answer["ETag"] == f'"{version.artifact_digest}"'
    assert answer["Content-Disposition"].startswith("attachment;")
    assert load_pipeline(answer.content)
    digest = version.artifact_digest
    path = lake_home / "blobs" / digest[:2] / digest[2:4] / digest
    path.chmod(0o640)
    path.write_bytes(b"something else")
    broken = api(Role.VIEWER).get(address)
    assert (broken.status_code, broken.json()["code"]) == (503, "blob_corrupt")
    path.unlink()
    assert api(Role.VIEWER).get(address).status_code == 404


def test_versions_are_narrowed_and_ordered(
    api: Api, make_version: MakeVersion, model: RegisteredModel
) -> None:
    one, two = make_version(), make_version(metrics={"roc_auc": 0.5})
    client = api(Role.DEPLOYER)
    client.post(f"{V1}/model-versions/{one.pk}/promote/", {})

    def found(query: str) -> list[int]:
        answer = client.get(f"{V1}/model-versions/?{query}")
        assert answer.status_code == 200, answer.content
        return [item["id"] for item in answer.json()["results"]]

    assert found("") == [two.pk, one.pk]
    assert found("ordering=number") == [one.pk, two.pk]
    assert found(f"model={model.pk}&validation=failed") == [two.pk]
    assert found("validation=failed&validation=passed") == [two.pk, one.pk]
    assert found("status=ready&alias=champion") == [one.pk]
    assert found("model_name=churn") == [two.pk, one.pk]
    assert found("model_name=other") == found("model=999") == []
    for wrong in (10**30, "x", 1.5, -1):
        assert client.get(f"{V1}/model-versions/?model={wrong}").status_code == 422
    assert client.get(f"{V1}/model-versions/{10**30}/").status_code == 404
    assert client.get(f"{V1}/model-versions/?status=sleeping").status_code == 422
    assert client.get(f"{V1}/models/?name=churn").json()["count"] == 1
    assert client.get(f"{V1}/models/?name_contains=HUR").json()["count"] == 1
    assert client.get(f"{V1}/models/?name=chur").json()["count"] == 0


def test_another_project_sees_nothing(
    api: Api, make_version: MakeVersion, principal: Principal, other_project: Project
) -> None:
    version = make_version(metrics={"roc_auc": 0.5})
    request = services.request_approval(principal=principal, version=version)
    gate = version.model.gates.all()[0]
    client = api(Role.ADMIN, in_project=other_project)
    for address in (
        f"models/{version.model_id}/",
        f"models/{version.model_id}/alias-moves/",
        f"model-versions/{version.pk}/",
        f"model-versions/{version.pk}/artifact/",
        f"gates/{gate.pk}/",
        f"approvals/{request.pk}/",
    ):
        assert client.get(f"{V1}/{address}").status_code == 404, address
    for address, body in (
        (f"models/{version.model_id}/rollback/", {}),
        (f"model-versions/{version.pk}/promote/", {}),
        (f"model-versions/{version.pk}/evaluate/", {}),
        (f"model-versions/{version.pk}/retire/", {}),
        (f"model-versions/{version.pk}/quarantine/", {"reason": "r"}),
        (f"model-versions/{version.pk}/release/", {"reason": "r"}),
        (f"model-versions/{version.pk}/waive/", {"reason": "r"}),
        (f"approvals/{request.pk}/approve/", {}),
        (f"approvals/{request.pk}/withdraw/", {}),
        ("approvals/", {"version": version.pk}),
        ("gates/", {"model": version.model_id, "kind": "metric", "metric": "f1"}),
    ):
        assert client.post(f"{V1}/{address}", body).status_code == 404, address
    assert client.patch(f"{V1}/gates/{gate.pk}/", {"threshold": 0}).status_code == 404
    assert client.delete(f"{V1}/gates/{gate.pk}/").status_code == 404
    for name in ("models", "model-versions", "gates", "approvals"):
        assert client.get(f"{V1}/{name}/").json()["count"] == 0
    assert ModelVersion.objects.get().validation == Validation.FAILED


@pytest.mark.parametrize(
    "address", ["models/", "model-versions/", "gates/", "approvals/", "models/{model}/alias-moves/"]
)
def test_lists_take_as_many_queries_for_many_rows_as_for_few(
    address: str,
    api: Api,
    make_version: MakeVersion,
    principal: Principal,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    def one_more(number: int) -> None:
        model = services.get_or_create_model(
            principal=principal, name=f"model {number}", task="classification"
        )
        for _ in range(2):
            version = make_version(of=model)
            services.promote(principal=principal, version=version)
            services.promote(principal=principal, version=version, alias="other")
            services.request_approval(principal=principal, version=version)

    one_more(0)
    where = f"{V1}/" + address.format(model=RegisteredModel.objects.get(name="model 0").pk)
    client = api(Role.VIEWER)
    few = count_queries(client, where)
    one_more(1)
    with django_assert_num_queries(few):
        answer = client.get(where)
    assert answer.json()["count"] >= 2
    assert few <= 12


def count_queries(client: APIClient, address: str) -> int:
    """Return how many queries a list takes (the second time: nothing is looked up for later)."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)
