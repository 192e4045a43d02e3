"""The web process dies under load: every prediction that was answered is in the lake, once."""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from accounts.models import Project, Scope
from accounts.principals import Principal
from accounts.services import create_token
from datasets import lake
from mlops_site.supervisor import programs
from mlops_site.supervisor.children import Child
from mlops_site.supervisor.console import Console
from mlops_site.supervisor.ports import choose_port
from mlops_site.supervisor.supervision import Supervisor
from models_registry.models import ModelVersion
from serving.execution.shipping import Shipper
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

pytestmark = [pytest.mark.process]

_START_SECONDS = 90.0
_CLIENTS = 4


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
        link: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            try:
                link = link or http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
                link.request("POST", "/api/v1/endpoints/tumour/predict/", self._body, self._headers)
                answer = link.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException):
                self.broken += 1
                link = None
                time.sleep(0.05)
                continue
            if answer.status == http.client.OK:
                self.answered += json.loads(content)["prediction_ids"]
            else:
                self.refused[answer.status] += 1


@pytest.fixture
def web(
    transactional_db: None,
    settings: Settings,
    lake_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[], tuple[Supervisor, Child, int]]]:
    """Return a function that starts the web server on the test's database."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.child_settings")
    monkeypatch.setenv("TEST_DATABASE_NAME", str(connection.settings_dict["NAME"]))
    monkeypatch.setenv("MLOPS_HOME", str(lake_home))
    output = io.StringIO()
    supervisor = Supervisor(
        console=Console(output, coloured=False), folder=ROOT, grace_seconds=2, last_grace_seconds=3
    )

    def start() -> tuple[Supervisor, Child, int]:
        port = choose_port("127.0.0.1", None, default=8100)
        return supervisor, supervisor.start(programs.web(host="127.0.0.1", port=port)), port

    yield start
    supervisor.end()


def test_every_answered_prediction_is_in_the_lake_once_although_web_was_killed(
    web: Callable[[], tuple[Supervisor, Child, int]],
    endpoint: Endpoint,  # noqa: F811
    champion: ModelVersion,  # noqa: F811
    principal: Principal,
    project: Project,
    lake_home: Path,
) -> None:
    _, secret = create_token(
        user=User.objects.get(pk=principal.user_id or 0),
        project=project,
        name="load",
        scopes=[Scope.PREDICT],
    )
    supervisor, child, port = web()
    with Load(port, secret) as load:
        assert supervisor.wait_until(
            lambda: len(load.answered) > 200, timeout_seconds=_START_SECONDS
        )
        _kill_all(child)
        before = len(load.answered)
        assert supervisor.wait_until(
            lambda: len(load.answered) > before + 200, timeout_seconds=_START_SECONDS
        )
        _kill_all(child)
    assert load.broken > 0
    shipper = Shipper(lake_home / "prediction-log")
    deadline = time.monotonic() + 20
    while not _is_shipped(load.answered, project.pk) and time.monotonic() < deadline:
        shipper.ship()
        time.sleep(0.2)
    counts = Counter(_shipped(project.pk))
    assert [one for one in load.answered if counts[one] != 1] == []
    assert max(counts.values()) == 1


def _kill_all(child: Child) -> None:
    """Kill the server and its workers without a word."""
    assert child.pid is not None
    family: list[Any] = psutil.Process(child.pid).children(recursive=True)
    for pid in [child.pid, *(one.pid for one in family)]:
        os.kill(pid, signal.SIGKILL)


def _shipped(project_id: int) -> list[str]:
    rows = lake.read_window(log_path(project_id), columns=["prediction_id"])
    return [] if rows is None else rows["prediction_id"].to_pylist()


def _is_shipped(ids: list[str], project_id: int) -> bool:
    return set(ids) <= set(_shipped(project_id))
