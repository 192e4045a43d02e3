"""Web and shipper die under load: every prediction that was answered is in the lake, once."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from accounts.models import ApiToken, Project, Scope
from accounts.principals import Principal
from accounts.services import create_token
from core.clock import now
from datasets import lake
from mlops_site.supervisor import programs
from mlops_site.supervisor.children import Child, Program
from mlops_site.supervisor.console import Console
from mlops_site.supervisor.supervision import Supervisor
from models_registry.models import ModelVersion
from serving.models import Endpoint
from serving.selectors.predictions import log_path
from tests.faults.conftest import ROOT
from tests.serving.conftest import (  # noqa: F401 (fixtures)
    FEATURES,
    champion,
    endpoint,
    train,
    training_data,
)

pytestmark = [pytest.mark.process, pytest.mark.fault]

_START_SECONDS = 90.0
_CLIENTS = 4
_ANSWERS = 200


class Load:
    """Clients that ask one prediction after the other and remember what was answered."""

    def __init__(self, port: int, secret: str) -> None:
        self.answered: list[str] = []
        self.refused: Counter[int] = Counter()
        self.broken = 0
        self._port = port
        self._headers = {
            "Authorization": f"Bearer {secret}",
            "Content-Type": "application/json",
        }
        self._body = json.dumps({"instances": [dict.fromkeys(FEATURES, 1.5)]}).encode()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(_CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            with closing(HTTPConnection("127.0.0.1", self._port, timeout=10)) as link:
                try:
                    while not self._stop.is_set():
                        self._ask_once(link)
                except (OSError, HTTPException):
                    self.broken += 1
                    time.sleep(0.05)

    def _ask_once(self, link: HTTPConnection) -> None:
        link.request("POST", "/api/v1/endpoints/tumour/predict/", self._body, self._headers)
        with link.getresponse() as answer:
            content = answer.read()
        if answer.status == HTTPStatus.OK:
            self.answered += json.loads(content)["prediction_ids"]
        else:
            self.refused[answer.status] += 1


@pytest.fixture
def secret(principal: Principal, project: Project) -> str:
    """Return a token that may predict."""
    user = User.objects.get(pk=principal.user_id or 0)
    return create_token(user=user, project=project, name="load", scopes=[Scope.PREDICT])[1]


@pytest.fixture
def supervisor(
    transactional_db: None,
    settings: Settings,
    lake_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Supervisor]:
    """Return what starts programs on the test's database."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.child_settings")
    monkeypatch.setenv("TEST_DATABASE_NAME", str(connection.settings_dict["NAME"]))
    monkeypatch.setenv("MLOPS_HOME", str(lake_home))
    made = Supervisor(
        console=Console(io.StringIO(), coloured=False),
        folder=ROOT,
        grace_seconds=2,
        last_grace_seconds=3,
    )
    yield made
    made.end()


@pytest.mark.parametrize("server", [programs.web, programs.scorer], ids=["web", "scorer"])
def test_every_answered_prediction_is_in_the_lake_once_although_web_and_shipper_were_killed(
    server: Callable[..., Program],
    supervisor: Supervisor,
    endpoint: Endpoint,  # noqa: F811
    champion: ModelVersion,  # noqa: F811
    secret: str,
    project: Project,
    lake_home: Path,
) -> None:
    log_root = lake_home / "prediction-log"

    def wait_until(is_so: Callable[[], bool]) -> None:
        assert supervisor.wait_until(is_so, timeout_seconds=_START_SECONDS)

    port = _free_port()
    web = supervisor.start(server(host="127.0.0.1", port=port))
    shipper = supervisor.start(programs.shipper())
    with Load(port, secret) as load:
        wait_until(lambda: len(load.answered) > _ANSWERS and bool(_shipped(project.pk)))
        _wait_for_work(log_root)
        _kill_all(shipper)
        _kill_all(web)
        before = len(load.answered)
        wait_until(lambda: len(load.answered) > before + _ANSWERS)
        web.kill()  # for good
    assert load.broken > 0
    assert set(load.refused) <= {HTTPStatus.SERVICE_UNAVAILABLE}
    wait_until(lambda: {one.name for one in log_root.iterdir()} == {"shipper.lock"})
    counts = Counter(_shipped(project.pk))
    assert [one for one in load.answered if counts[one] != 1] == []
    assert max(counts.values()) == 1
    assert (web.starts >= 2, shipper.starts) == (True, 2)


def test_a_scorer_answers_as_the_site_does_and_knows_of_a_revoked_token_within_a_second(
    supervisor: Supervisor,
    endpoint: Endpoint,  # noqa: F811
    champion: ModelVersion,  # noqa: F811
    secret: str,
) -> None:
    ports = [_free_port(), _free_port()]
    supervisor.start(programs.web(host="127.0.0.1", port=ports[0]))
    supervisor.start(programs.scorer(host="127.0.0.1", port=ports[1]))

    def asked(port: int, method: str, path: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        body = None if method == "GET" else json.dumps({"instances": [dict.fromkeys(FEATURES, 2)]})
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as link:
            link.request(method, path, body, headers)
            with link.getresponse() as answer:
                content = answer.read()
        return answer.status, json.loads(content) if content[:1] == b"{" else {}

    def is_up() -> bool:
        try:
            return all(asked(port, "GET", "/livez")[0] == HTTPStatus.OK for port in ports)
        except (OSError, HTTPException):
            return False

    assert supervisor.wait_until(is_up, timeout_seconds=_START_SECONDS)
    for method, path in (
        ("POST", "/api/v1/endpoints/tumour/predict/"),
        ("POST", "/v1/models/tumour:predict"),
        ("GET", "/v1/models/tumour"),
        ("GET", "/v2/models/tumour"),
        ("GET", "/v2/health/ready"),
        ("POST", "/api/v1/endpoints/nobody/predict/"),
    ):
        of_web, of_scorer = (asked(port, method, path) for port in ports)
        for said in (of_web[1], of_scorer[1]):
            said.pop("prediction_ids", None)
            said.pop("request_id", None)
        assert of_web == of_scorer, path
    for path in ("/admin/", "/api/v1/endpoints/", "/api/docs/"):
        assert asked(ports[1], "GET", path)[0] == HTTPStatus.NOT_FOUND
    predict = ("POST", "/api/v1/endpoints/tumour/predict/")
    assert asked(ports[1], *predict)[0] == HTTPStatus.OK
    ApiToken.objects.update(revoked_at=now())
    revoked = time.monotonic()
    while (status := asked(ports[1], *predict)[0]) == HTTPStatus.OK:
        assert time.monotonic() - revoked < 1.5, "promised: within a second"
        time.sleep(0.05)
    assert status == HTTPStatus.UNAUTHORIZED


def _free_port() -> int:
    """Return a port that no test beside this one is given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


def _wait_for_work(log_root: Path) -> None:
    """Wait for the moment at which the shipper has something to do."""
    deadline = time.monotonic() + 5
    while not any(log_root.glob("*/*.closed")) and time.monotonic() < deadline:
        time.sleep(0.001)


def _kill_all(child: Child) -> None:
    """Kill the server and its workers without a word."""
    assert child.pid is not None
    family: list[Any] = psutil.Process(child.pid).children(recursive=True)
    for pid in [child.pid, *(one.pid for one in family)]:
        os.kill(pid, signal.SIGKILL)


def _shipped(project_id: int) -> list[str]:
    rows = lake.read_window(log_path(project_id), columns=["prediction_id"])
    return [] if rows is None else rows["prediction_id"].to_pylist()
