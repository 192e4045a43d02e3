"""Bundles whose server is started for real: the whole job, once for each framework."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from core.blobs import default_store
from serving.models import ModelExport
from tests.serving.exports.conftest import Export, unpacked

pytestmark = [pytest.mark.django_db, pytest.mark.process]


def check(export: ModelExport, framework: str) -> None:
    """See that the server ran with its framework and answered like the site, in every dialect."""
    assert export.job is not None
    assert export.job.status == "succeeded", (export.job.error_message, export.smoke_test)
    found = export.smoke_test
    assert found["passed"]
    assert found["problems"] == []
    assert found["server"]["with_framework"]
    assert found["server"]["framework"] == framework
    dialects = {line["dialect"] for line in found["dialects"]}
    assert {"native", "TensorFlow Serving", "Open Inference v2", "MLflow scoring"} <= dialects
    assert all(line["rows"] > 0 and line["passed"] for line in found["dialects"])
    assert {line["kind"] for line in found["dialects"]} == {"made up", "random", "edge", "missing"}
    assert max(line["largest_difference"] for line in found["dialects"]) == 0.0
    assert found["refusal"] == {"status": 422, "passed": True}
    assert all(one["passed"] for one in found["checks"])
    assert len(default_store().read(export.digest)) == export.size_bytes


def test_the_flask_server_of_a_bundle_answers_like_the_site(export: Export, tmp_path: Path) -> None:
    made = export("random_forest", server="flask")
    check(made, "flask")
    folder = unpacked(made, tmp_path / "out")
    assert (folder / "model/model.onnx").exists()
    assert "flask==" in (folder / "requirements.txt").read_text()
    assert made.model_version.artifact_digest in (folder / "MODEL_CARD.md").read_text()


@pytest.mark.skipif(
    importlib.util.find_spec("fastapi") is None and "EXPORT_PYTHON" not in os.environ,
    reason="needs FastAPI, here or in EXPORT_PYTHON",
)
def test_the_fastapi_server_of_a_bundle_answers_like_the_site(export: Export) -> None:
    check(export("logistic", "multiclass", server="fastapi"), "fastapi")
