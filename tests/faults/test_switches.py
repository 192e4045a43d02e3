"""Twenty switches of version under load: no failed request, each answer is the named version's own."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection

import numpy as np
import pytest
from django.contrib.auth.models import User

from accounts.models import Project, Scope
from accounts.principals import Principal
from accounts.services import create_token
from mlops_site.supervisor import programs
from mlops_site.supervisor.supervision import Supervisor
from models_registry.models import ModelVersion
from models_registry.services import promote
from models_registry.signatures import Signature
from serving.protocols import NATIVE, Envelope
from serving.routing.routes import load_model
from serving.services import create_endpoint
from tests.faults.test_predictions_survive import (  # noqa: F401 (a fixture)
    _free_port,
    supervisor,
)
from tests.serving.versions import ROW, promoted, register

pytestmark = [pytest.mark.process, pytest.mark.fault]

_CONNECTIONS = 16
_SWITCHES = 20
_START_SECONDS = 90.0
_BODY = json.dumps({"instances": [ROW]}).encode()


class Load:
    """Clients that ask one prediction after the other, and compare it with what its version gives."""

    def __init__(self, port: int, secret: str, expected: Mapping[int, list[float]]) -> None:
        self.by_version: Counter[int] = Counter()
        self.wrong: list[object] = []
        self._port, self._expected = port, expected
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(_CONNECTIONS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=30)) as link:
            while not self._stop.is_set():
                try:
                    self._ask_once(link)
                except Exception as error:  # noqa: BLE001 (told by the test)
                    self.wrong.append(error)
                    return

    def _ask_once(self, link: HTTPConnection) -> None:
        link.request("POST", "/api/v1/endpoints/churn/predict/", _BODY, self._headers)
        with link.getresponse() as answer:
            content = json.loads(answer.read())
        if answer.status != 200:
            self.wrong.append(content)
            return
        number = content["model_version"]["number"]
        if not np.allclose(content["probabilities"][0], self._expected[number], atol=1e-6):
            self.wrong.append(content)
        self.by_version[number] += 1


def _expected(version: ModelVersion) -> list[float]:
    decoded = NATIVE.decode(
        Envelope(_BODY, "application/json"), Signature.from_dict(version.signature), most_rows=10
    )
    scores = load_model(version).runtime.predict(decoded.columns)
    assert scores.probabilities is not None
    found: list[float] = scores.probabilities[0].tolist()
    return found


def test_twenty_switches_fail_no_request_and_each_answer_is_the_named_versions(
    supervisor: Supervisor,  # noqa: F811
    principal: Principal,
    project: Project,
) -> None:
    versions = [promoted(principal), register(principal, "random_forest")]
    create_endpoint(principal=principal, name="churn", model=versions[0].model)
    expected = {version.number: _expected(version) for version in versions}
    assert not np.allclose(expected[1], expected[2], atol=1e-4)
    _, secret = create_token(
        user=User.objects.get(pk=principal.user_id or 0),
        project=project,
        name="load",
        scopes=[Scope.PREDICT],
    )
    port = _free_port()
    web = supervisor.start(programs.web(host="127.0.0.1", port=port))
    assert supervisor.wait_until(lambda: _answers(port), timeout_seconds=_START_SECONDS)
    with Load(port, secret, expected) as load:
        for switch in range(1, _SWITCHES + 1):
            version = versions[switch % 2]
            promote(principal=principal, version=version)
            before = load.by_version[version.number]

            def has_switched(number: int = version.number, before: int = before) -> bool:
                return load.by_version[number] > before or bool(load.wrong)

            assert supervisor.wait_until(has_switched, timeout_seconds=30)
            assert load.wrong == []
    assert load.wrong == []
    assert web.starts == 1


def _answers(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as link:
        try:
            link.request("GET", "/livez", headers={"Host": "localhost"})
            return link.getresponse().status == 200
        except OSError:
            return False
