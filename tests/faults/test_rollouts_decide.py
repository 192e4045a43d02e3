"""Canaries on a running site: faulty ones are taken back by themselves, a good one is promoted.

Web, worker, beat and Redis run; models are uploaded, rolled out and asked by HTTP alone.
"""

from __future__ import annotations

import json
import random
import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection
from itertools import count
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from accounts.models import Project, Scope
from accounts.principals import Principal
from accounts.services import create_token
from core.clock import now
from mlops_site.supervisor import programs
from tests.faults.conftest import Stack
from tests.faults.site_over_http import SiteOverHttp
from tests.faults.test_predictions_survive import _free_port
from tests.models_registry import onnx_files

pytestmark = [pytest.mark.process, pytest.mark.fault]

_START_SECONDS = 90.0
_COLUMNS = ("size", "weight", "age")
_NULLABLE = {"name": "weight", "type": "number", "nullable": True}
_CLASSES = ["no", "yes"]
#: This share of the rows has no weight, which the good versions take.
_WITHOUT_WEIGHT = 0.1
_PAUSE_SECONDS = 0.02
#: The first step of the faulty ones: within it they must be gone.
_BAKING_SECONDS = 60.0
#: Routes are learnt every 0.4 s; promised: within a second.
_SWITCH_SECONDS = 1.0


class Asked(NamedTuple):
    """One request and how it was answered."""

    at: datetime
    has_weight: bool
    status: int
    version: int | None
    answer: str | None


@dataclass
class Caller:
    """Someone who asks one endpoint at a modest rate, each time about somebody else."""

    site: SiteOverHttp
    endpoint: str
    asked: list[Asked] = field(default_factory=list)
    broken: list[Exception] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Caller:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def since(self, at: datetime) -> list[Asked]:
        """Return what was asked after a moment."""
        return [one for one in list(self.asked) if one.at > at]

    def _run(self) -> None:
        chance = random.Random(self.endpoint)
        with closing(HTTPConnection("127.0.0.1", self.site.port, timeout=30)) as link:
            for number in count():
                if self._stop.wait(_PAUSE_SECONDS):
                    return
                try:
                    self._ask(link, chance, number)
                except Exception as error:  # noqa: BLE001 (told by the test)
                    self.broken.append(error)
                    return

    def _ask(self, link: HTTPConnection, chance: random.Random, number: int) -> None:
        row: dict[str, float | None] = {name: chance.gauss(0, 1) for name in _COLUMNS}
        if chance.random() < _WITHOUT_WEIGHT:
            row["weight"] = None
        at = now()
        link.request(
            "POST",
            f"/api/v1/endpoints/{self.endpoint}/predict/",
            json.dumps({"instances": [row]}),
            {**self.site.headers, "X-Entity-Key": f"customer {number}"},
        )
        with link.getresponse() as answer:
            said = json.loads(answer.read())
        is_good = answer.status == 200
        self.asked.append(
            Asked(
                at,
                row["weight"] is not None,
                answer.status,
                said["model_version"]["number"] if is_good else None,
                said["predictions"][0] if is_good else None,
            )
        )


@pytest.fixture
def site(
    stack: Stack, principal: Principal, project: Project, monkeypatch: pytest.MonkeyPatch
) -> SiteOverHttp:
    """The running site, with the product's own jobs and schedules."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.faults.site_settings")
    _, secret = create_token(
        user=User.objects.get(pk=principal.user_id or 0),
        project=project,
        name="load",
        scopes=list(Scope.values),
    )
    made = SiteOverHttp(_free_port(), secret)
    stack.supervisor.start(programs.web(host="127.0.0.1", port=made.port))
    stack.start_beat()
    stack.start_worker()
    assert stack.supervisor.wait_until(made.is_live, timeout_seconds=_START_SECONDS), stack.said()
    return made


def _tree() -> bytes:
    """Return a model that answers rows without a weight."""
    return bytes(onnx_files.like_xgboost().SerializeToString())


def _constant() -> bytes:
    """Return a logistic regression that was regularised until little was left of its coefficients: it says "no".

    Rows without a weight are filled, so that it answers all of them.
    """
    from skl2onnx import to_onnx

    rows, _ = onnx_files.data()
    is_rare = (rows[:, 0] > 0.8).astype(int)
    model = make_pipeline(SimpleImputer(), LogisticRegression(C=1e-4)).fit(rows, is_rare)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = to_onnx(model, rows[:1], target_opset=18, options={id(model): {"zipmap": False}})
    return bytes(made.SerializeToString())


def _serve(site: SiteOverHttp, name: str) -> None:
    """Put the good model behind an endpoint of the model's name."""
    version = site.upload_model(name, _tree(), _signature(_NULLABLE))
    site.post(f"model-versions/{version}/promote/", {"reason": "the first"})
    site.post("endpoints/", {"name": name, "model": name})


def _signature(weight: object) -> dict[str, Any]:
    return {"inputs": ["size", weight, "age"], "classes": _CLASSES}


def _roll_out(site: SiteOverHttp, endpoint: str, steps: list[tuple[float, float]]) -> int:
    planned = site.post(
        "rollouts/",
        {
            "endpoint": endpoint,
            "version": 2,
            # Steps of seconds, and a machine that does other things: latencies of two moments differ.
            "latency_floor_ms": 250.0,
            "steps": [{"share": share, "baking_minutes": seconds / 60} for share, seconds in steps],
        },
    )
    started: int = site.post(f"rollouts/{planned['id']}/start/")["id"]
    return started


def _end_of(site: SiteOverHttp, rollout: int, seconds: float) -> dict[str, Any]:
    """Wait until a rollout has ended by itself."""
    found: dict[str, Any] = site.wait_for(
        lambda: site.get(f"rollouts/{rollout}/"), lambda one: one["ended_at"] is not None, seconds
    )
    assert found["ended_at"] is not None, json.dumps(
        {
            "rollout": found,
            "judgements": [
                one["reason"] for one in site.get(f"rollouts/{rollout}/judgements/")["results"]
            ],
            "at work": site.get(f"endpoints/{found['endpoint']}/")["deployments"],
        },
        indent=1,
    )
    return found


def _seconds(rollout: Mapping[str, Any]) -> float:
    """Return how long a rollout took."""
    began, ended = (datetime.fromisoformat(rollout[name]) for name in ("started_at", "ended_at"))
    return (ended - began).total_seconds()


def _at_work(site: SiteOverHttp, endpoint: str) -> list[tuple[str, int]]:
    return [
        (one["role"], one["model_version_number"])
        for one in site.get(f"endpoints/{endpoint}/")["deployments"]
    ]


def _tripped(site: SiteOverHttp, rollout: int) -> dict[str, str]:
    """Return which guards tripped at the last judgement, and what they say."""
    last = site.get(f"rollouts/{rollout}/judgements/")["results"][0]
    return {one["name"]: one["says"] for one in last["evidence"] if one["verdict"] == "breached"}


def test_a_canary_with_a_fault_is_taken_back_by_itself_and_a_good_one_is_promoted(
    site: SiteOverHttp,
) -> None:
    versions: dict[str, tuple[bytes, object]] = {
        "refuses": (_tree(), "weight"),
        "says-one": (_constant(), _NULLABLE),
        "good": (_tree(), _NULLABLE),
    }
    for name, (file, weight) in versions.items():
        _serve(site, name)
        site.upload_model(name, file, _signature(weight))
    callers = {name: Caller(site, name) for name in versions}
    with callers["refuses"] as refuses, callers["says-one"] as says_one, callers["good"] as good:
        faulty = [(0.25, _BAKING_SECONDS), (1.0, _BAKING_SECONDS)]
        rollouts = {name: _roll_out(site, name, faulty) for name in ("refuses", "says-one")}
        rollouts["good"] = _roll_out(site, "good", [(0.3, 15.0), (1.0, 15.0)])
        ended = {name: _end_of(site, rollouts[name], 1.5 * _BAKING_SECONDS) for name in versions}
        time.sleep(5)
    after = {
        name: datetime.fromisoformat(one["ended_at"]).timestamp() + _SWITCH_SECONDS
        for name, one in ended.items()
    }
    assert {name: one["status"] for name, one in ended.items()} == {
        "refuses": "rolled_back",
        "says-one": "rolled_back",
        "good": "completed",
    }, [one["note"] for one in ended.values()]
    for name, caller in callers.items():
        assert caller.broken == []
        late = [one for one in caller.asked if one.at.timestamp() > after[name]]
        expected = 2 if name == "good" else 1
        assert len(late) > 50
        assert {(one.status, one.version) for one in late} == {(200, expected)}
        assert _at_work(site, name) == [("champion", expected)]

    for name, guard in (("refuses", "errors"), ("says-one", "answers")):
        assert _seconds(ended[name]) < _BAKING_SECONDS
        assert list(_tripped(site, rollouts[name])) == [guard]
        assert ended[name]["note"] == _tripped(site, rollouts[name])[guard]
    failed = [one for one in refuses.asked if one.status != 200]
    assert {(one.status, one.has_weight) for one in failed} == {(422, False)}
    assert {one.status for one in says_one.asked} == {one.status for one in good.asked} == {200}
    assert {one.answer for one in says_one.asked if one.version == 2} == {"no"}
    assert 30.0 <= _seconds(ended["good"]) < _BAKING_SECONDS
    assert [step["ended_at"] is not None for step in ended["good"]["steps"]] == [True, True]
    judged = site.get(f"rollouts/{rollouts['good']}/judgements/")["results"]
    assert {one["verdict"] for one in judged} == {"healthy"}
    assert {one["position"] for one in judged} == {1, 2}
