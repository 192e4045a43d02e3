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
_ASK = """
import json, sys
from mlops_site.wsgi import application
from django.urls import get_resolver
loaded = sorted({name.partition(".")[0] for name in sys.modules})
urls = [str(one.pattern) for one in get_resolver().url_patterns]
print(json.dumps({"loaded": loaded, "urls": urls}))
"""


def test_a_scorer_loads_no_pages(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        **programs.scorer(host="127.0.0.1", port=1).environment,
        "MLOPS_HOME": str(tmp_path),
        "MLOPS_ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "mlops_site.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", _ASK], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert {"unfold", "whitenoise"}.isdisjoint(said["loaded"])
    assert "livez" in said["urls"]
    assert not any("admin" in one or "stream" in one for one in said["urls"])


@pytest.mark.django_db
def test_a_scorer_that_does_not_answer_is_missed() -> None:
    ports = {"web": 1, "scorer": 1}  # where nobody listens
    missing = readiness.missing(host="127.0.0.1", ports=ports, started_at=now())
    assert missing == ["web", "scorer", "worker", "beat"]
