"""A server on a free port, and the interpreter that has the foreign clients."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.db import connections

ROOT = Path(__file__).resolve().parents[3]
PYTHON = Path(os.environ.get("MLOPS_CLIENTS_PYTHON") or ROOT / ".venv-clients/bin/python")
ASKING = Path(__file__).with_name("asking.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs the clients where they are not installed."""
    if PYTHON.exists():
        return
    reason = "needs the clients of tests/serving/clients/requirements.txt in .venv-clients (or MLOPS_CLIENTS_PYTHON)"
    for item in items:
        if item.get_closest_marker("clients"):
            item.add_marker(pytest.mark.skip(reason=reason))


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each client's connection, which leaves no connection to the database behind."""

    daemon_threads = False  # so that closing the server waits for them

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            connections.close_all()


class _Handler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(transactional_db: None) -> Iterator[str]:
    """The address (host and port) of the whole application in a thread."""
    from mlops_site.wsgi import application

    made = make_server("127.0.0.1", 0, application, _Server, _Handler)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


@pytest.fixture
def ask_client() -> Callable[..., Any]:
    """Return a function that lets a foreign client ask, and returns what it understood."""

    def ask(client: str, **values: Any) -> Any:
        done = subprocess.run(
            [str(PYTHON), str(ASKING), client],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return ask
