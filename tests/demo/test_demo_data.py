"""The demo's rows and its HTTP client."""

from __future__ import annotations

import csv
import io
import json
import shlex
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest

from mlops_site.demo import data as demo
from mlops_site.demo.client import SiteClient, curl_line
from mlops_site.demo.data import DRIFTING_COLUMN, DRIFTING_FACTOR, TARGET, demo_data
from mlops_site.demo.errors import DemoFailedError


def test_the_rows_are_the_same_each_time() -> None:
    assert demo_data() == demo_data()


def test_the_training_file_is_readable_and_has_both_diagnoses() -> None:
    data = demo_data()
    rows = list(csv.DictReader(io.StringIO(data.training_csv.decode())))
    assert len(rows) == 341
    assert {row[TARGET] for row in rows} == {"benign", "malignant"}
    assert len(data.features) == 30
    assert set(rows[0]) == {*data.features, TARGET}


def test_only_one_column_changes_its_unit_and_only_later() -> None:
    batches = demo_data().batches
    quiet = [row for batch in batches if not batch.is_drifting for row in batch.instances]
    later = [row for batch in batches if batch.is_drifting for row in batch.instances]
    assert len(quiet) == demo_data().quiet_rows
    for column in demo_data().features:
        was, now = (np.mean([row[column] for row in rows]) for rows in (quiet, later))
        ratio = now / was
        if column == DRIFTING_COLUMN:
            assert ratio > DRIFTING_FACTOR * 0.8
        else:
            assert 0.75 < ratio < 1.33


def test_late_patients_were_never_seen_before() -> None:
    data = demo_data()
    early = data.batches[: demo.QUIET_BATCHES + demo.DRIFTING_EARLY_BATCHES]
    late = data.batches[len(early) :]
    assert sum(len(batch.instances) for batch in late) == data.late_rows
    column = "worst texture"
    seen = np.array([row[column] for batch in early for row in batch.instances])
    new = np.array([row[column] for batch in late for row in batch.instances])
    assert len(np.intersect1d(seen, new)) == 0


class Site(BaseHTTPRequestHandler):
    """A site that is busy once, and then answers."""

    answers: list[tuple[int, dict[str, Any]]]
    asked: list[tuple[str, str | None, dict[str, Any]]]

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        self.asked.append((self.path, self.headers["Authorization"], body))
        status, answer = self.answers.pop(0)
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def site() -> Iterator[HTTPServer]:
    """A local HTTP server."""
    Site.answers, Site.asked = [], []
    with HTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def client_of(site: HTTPServer) -> SiteClient:
    return SiteClient(f"http://127.0.0.1:{site.server_port}/", "secret")


def test_the_client_waits_for_a_busy_site(site: HTTPServer) -> None:
    Site.answers = [(503, {}), (200, {"prediction_ids": ["a"]})]
    assert client_of(site).predict([{"x": 1.0}]) == ["a"]
    path, authorization, body = Site.asked[-1]
    assert path == "/api/v1/endpoints/breast-cancer/predict/"
    assert authorization == "Bearer secret"
    assert body == {"instances": [{"x": 1.0}]}


def test_a_refusal_is_told_with_its_text(site: HTTPServer) -> None:
    Site.answers = [(422, {"detail": "no such column"})]
    with pytest.raises(DemoFailedError, match=r"422.*no such column"):
        client_of(site).predict([{"x": 1.0}])


def test_a_label_that_is_not_accepted_fails_the_demo(site: HTTPServer) -> None:
    Site.answers = [(200, {"accepted": 0, "rejected": [{"prediction_id": "a"}]})]
    with pytest.raises(DemoFailedError, match="not accepted"):
        client_of(site).tell_truth(["a"], ["benign"])


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(DemoFailedError, match="address of a site"):
        SiteClient("file:///etc", "secret")


def test_the_curl_line_is_one_valid_command() -> None:
    line = curl_line("http://127.0.0.1:8000/", "$(./mlops token)")
    assert "\n" not in line
    words = shlex.split(line)
    assert words[:3] == ["curl", "-s", words[2]]
    assert words[2] == "http://127.0.0.1:8000/api/v1/endpoints/breast-cancer/predict/"
    assert "Authorization: Bearer $(./mlops token)" in words
    assert len(json.loads(words[-1])["instances"][0]) == 30
