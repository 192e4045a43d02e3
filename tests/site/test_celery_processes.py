"""Beat and the worker ask and supervise: they load nothing that only a job needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_site.supervisor import programs
from mlops_site.supervisor.children import Program

ROOT = Path(__file__).resolve().parents[2]
_ASK = """
import json, sys
from mlops_site.celery import app
app.loader.init_worker()
app.finalize()
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"loaded": loaded, "tasks": sorted(app.tasks)}))
"""


@pytest.mark.parametrize("program", [programs.beat(), programs.worker()], ids=lambda one: one.name)
def test_what_asks_for_jobs_loads_no_library_for_tables_or_models(
    program: Program, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        **program.environment,
        "MLOPS_HOME": str(tmp_path),
        "MLOPS_ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "mlops_site.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", _ASK], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert {
        "jobs.tasks.run_job",
        "datasets.tasks.keep_house",
        "monitoring.tasks.run_scheduled_reports",
        "retraining.tasks.check_triggers",
        "serving.tasks.advance_rollouts",
    }.issubset(said["tasks"])
    assert {"pandas", "pyarrow", "sklearn", "scipy", "deltalake", "duckdb"}.isdisjoint(
        said["loaded"]
    )
