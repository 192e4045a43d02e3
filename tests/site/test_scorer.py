"""A scorer: the site with nothing for people in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.clock import now
from mlops_site.supervisor import programs, readiness

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"pandas", "pyarrow", "sklearn", "scipy"}
_ASK = """
import json, sys
import django
django.setup()
import models_registry.signatures, serving.prediction_log
set_up = sorted({name.partition(".")[0] for name in sys.modules})
from mlops_site.wsgi import application
from django.urls import get_resolver
from wsgiref.util import setup_testing_defaults
asked = {"PATH_INFO": "/livez"}
setup_testing_defaults(asked)
answered = []
body = b"".join(application(asked, lambda status, headers, trouble=None: answered.append(status)))
urls = [str(one.pattern) for one in get_resolver().url_patterns]
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"set_up": set_up, "loaded": loaded, "urls": urls, "answered": answered}))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a scorer has loaded once its models and apps are there, and once it has answered."""
    environment = {
        **os.environ,
        **programs.scorer(host="127.0.0.1", port=1).environment,
        "MLOPS_HOME": str(tmp_path_factory.mktemp("home")),
        "MLOPS_ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "mlops_site.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", _ASK], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_a_scorer_loads_no_pages(said: dict[str, list[str]]) -> None:
    assert {"unfold", "whitenoise"}.isdisjoint(said["loaded"])
    assert "livez" in said["urls"]
    assert not any("admin" in one or "stream" in one for one in said["urls"])


def test_models_signatures_and_the_log_load_no_library_for_tables(
    said: dict[str, list[str]],
) -> None:
    assert {"datasets", "serving"}.issubset(said["set_up"])
    assert HEAVY.isdisjoint(said["set_up"])


def test_a_scorer_without_models_answers_without_a_library_for_tables(
    said: dict[str, list[str]],
) -> None:
    assert said["answered"] == ["200 OK"]
    assert HEAVY.isdisjoint(said["loaded"])


@pytest.mark.django_db
def test_a_scorer_that_does_not_answer_is_missed() -> None:
    ports = {"web": 1, "scorer": 1}  # where nobody listens
    missing = readiness.missing(host="127.0.0.1", ports=ports, started_at=now())
    assert missing == ["web", "scorer", "worker", "beat"]
