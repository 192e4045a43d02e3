"""What a bundle is made of: sources, requirements, manifests, an archive."""

from __future__ import annotations

import ast
import doctest
import importlib.metadata
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import yaml

from datasets.schema.limits import ValueLimits
from models_registry.artifacts import TRUSTED_TYPES
from models_registry.signatures import Field, Signature, encode_instances
from serving import export_page
from serving.exporting import naming
from serving.exporting.asking import apart
from serving.exporting.checking import check_manifests
from serving.exporting.folders import unpack, write_archive
from serving.exporting.naming import served_name
from serving.exporting.requirements import (
    FRAMEWORK_VERSIONS,
    LibraryUnknown,
    requirements_of,
)
from serving.exporting.rows import kinds_of_rows, made_up_rows
from serving.exporting.sources import NotStandalone, follow_imports, server_sources
from tests.serving.exports.packing import files, packed

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("framework", ["flask", "fastapi"])
def test_a_server_takes_along_what_it_imports_and_nothing_of_the_site(framework: str) -> None:
    sources = server_sources(framework)
    assert framework in sources.libraries
    assert not {"django", "rest_framework", "celery", "skl2onnx"} & sources.libraries
    assert "serving/protocols/open_inference.py" in sources.files
    assert not [path for path in sources.files if "/admin" in path or "/migrations/" in path]
    for name in TRUSTED_TYPES:
        ours = name.rpartition(".")[0].replace(".", "/") + ".py"
        assert (ROOT / ours).exists() == (ours in sources.files)
    for path, content in sources.files.items():
        for folder in Path(path).parents:
            if folder != Path():
                assert f"{folder}/__init__.py" in sources.files
        ast.parse(content)


def test_what_needs_django_cannot_be_exported() -> None:
    with pytest.raises(NotStandalone, match="django"):
        follow_imports(["serving.prediction"])


def test_requirements_are_the_versions_of_here_with_all_that_they_need() -> None:
    libraries = server_sources("flask").libraries
    found = requirements_of(libraries, framework="flask", with_onnx=True).pins
    for name, version in found.items():
        assert importlib.metadata.version(name) == version
    assert {"numpy", "scikit-learn", "joblib", "skops", "orjson", "granian", "werkzeug"} <= set(
        found
    )
    assert "onnxruntime" in found
    assert "django" not in found
    lean = requirements_of(libraries, framework="flask", with_onnx=False).pins
    assert "onnxruntime" not in lean
    with pytest.raises(LibraryUnknown, match="torch"):
        requirements_of({"torch"}, framework="flask", with_onnx=False)


def test_frameworks_that_are_not_installed_are_named_in_the_version_that_is_tested() -> None:
    locked = (ROOT / "requirements-dev.txt").read_text()
    for name, version in FRAMEWORK_VERSIONS.items():
        assert re.search(rf"(?m)^{name}=={re.escape(version)} ", locked), name


def test_the_same_version_gives_the_same_archive(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        write_archive(files(), folder="churn-v3", target=tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.testzip() is None
        assert {name.partition("/")[0] for name in archive.namelist()} == {"churn-v3"}
    unpack(tmp_path / "one.zip", tmp_path / "out")
    found = {
        path.relative_to(tmp_path / "out/churn-v3").as_posix(): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == files()


def test_no_row_of_anybody_is_in_a_bundle() -> None:
    """Examples follow from the signature: equal signatures give equal examples, whatever was trained on."""
    rows = made_up_rows(packed().signature, 2, np.random.default_rng(0))
    assert files()["examples/native.json"].strip() == encode_instances(rows)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("churn", "churn"),
        ("Kündigung / B2B", "kundigung-b2b"),
        ("2026", "model-2026"),
        ("日本", "model"),
        ("x" * 80, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_any_model_has_a_name_that_addresses_and_manifests_take(name: str, said: str) -> None:
    assert served_name(name) == said
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", said)


def test_the_manifests_of_a_bundle_have_nothing_wrong() -> None:
    checked = check_manifests(files())
    assert len(checked) == 7
    assert [(one.path, one.problems) for one in checked if one.problems] == []


def edited(path: str, change: Callable[[Any], None]) -> dict[str, bytes]:
    document = yaml.safe_load(files()[path])
    change(document)
    return {**files(), path: yaml.safe_dump(document).encode()}


def container(document: Any) -> Any:
    return document["spec"]["template"]["spec"]["containers"][0]


DEPLOYMENT, SERVICE = "kubernetes/deployment.yaml", "kubernetes/service.yaml"
SCALER, KSERVE = "kubernetes/hpa.yaml", "kserve/inference-service.yaml"
BROKEN: list[tuple[str, Callable[[Any], None], str]] = [
    (DEPLOYMENT, lambda d: d["spec"].update(replica=2), "'replica' is not known"),
    (DEPLOYMENT, lambda d: d["spec"].pop("selector"), "'selector' is missing"),
    (DEPLOYMENT, lambda d: d["metadata"].update(name="Churn_3"), "no DNS label"),
    (DEPLOYMENT, lambda d: d["metadata"]["labels"].update(a="b c"), "no label"),
    (DEPLOYMENT, lambda d: container(d).update(image="Churn"), "no image with a tag"),
    (DEPLOYMENT, lambda d: container(d)["ports"][0].update(containerPort=80), "where the server"),
    (DEPLOYMENT, lambda d: container(d)["ports"][0].update(containerPort="80"), "type int"),
    (DEPLOYMENT, lambda d: container(d)["securityContext"].update(runAsUser=0), "runs as root"),
    (DEPLOYMENT, lambda d: container(d)["readinessProbe"]["httpGet"].update(path="/x"), "/x"),
    (DEPLOYMENT, lambda d: container(d)["resources"]["requests"].update(cpu="2"), "more cpu"),
    (DEPLOYMENT, lambda d: container(d).update(env=[]), "not empty"),
    (SERVICE, lambda d: d["spec"]["selector"].update(x="y"), "finds no pod"),
    (SERVICE, lambda d: d["spec"]["ports"][0].update(targetPort=1), "nothing listens"),
    (SCALER, lambda d: d["spec"]["scaleTargetRef"].update(name="other"), "something else"),
    (SCALER, lambda d: d["spec"].update(minReplicas=20), "wrong way round"),
    (
        "kubernetes/kustomization.yaml",
        lambda d: d["images"][0].update(newTag="1"),
        "names another image",
    ),
    (KSERVE, lambda d: d.update(kind="Inference"), "no known kind"),
    (
        KSERVE,
        lambda d: d["spec"]["predictor"]["containers"][0].update(name="model"),
        "kserve-container",
    ),
]


@pytest.mark.parametrize(("path", "change", "said"), BROKEN, ids=[one[2] for one in BROKEN])
def test_what_is_wrong_with_a_manifest_is_said(
    path: str, change: Callable[[Any], None], said: str
) -> None:
    problems = [text for one in check_manifests(edited(path, change)) for text in one.problems]
    assert any(said in text for text in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"USER 10001:10001", b"USER root", "ends as root"),
        (b"USER 10001:10001\n", b"", "ends as root"),
        (b'CMD ["python", "serve.py"]', b"CMD python serve.py", "exec form"),
        (b'CMD ["python", "serve.py"]', b'CMD ["python", "no.py"]', "not there"),
        (b"python:3", b"python\nRUN true #3", "version"),
        (b"COPY requirements.txt", b"COPY requirement.txt", "no 'requirement.txt'"),
        (b"EXPOSE 8080", b"EXPOSE 80", "must expose"),
        (b"WORKDIR", b"WORKDIRS", "no instruction"),
        (b"EXPOSE 8080", b"RUN true\nEXPOSE 8080", "after USER"),
    ],
)
def test_what_is_wrong_with_a_dockerfile_is_said(old: bytes, new: bytes, said: str) -> None:
    assert old in files()["Dockerfile"]
    broken = {**files(), "Dockerfile": files()["Dockerfile"].replace(old, new)}
    (found,) = [one for one in check_manifests(broken) if one.path == "Dockerfile"]
    assert any(said in text for text in found.problems), found.problems


def test_what_is_no_yaml_is_said() -> None:
    found = check_manifests({**files(), SERVICE: b"a: [", SCALER: b"- 1"})
    said = {one.path: one.problems for one in found}
    assert "is not YAML" in said[SERVICE][0]
    assert said[SCALER] == ("is of no known kind",)
    assert "not looked at" in said["kubernetes/*"][0]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"a": 1, "prediction_ids": ["x"]}, {"a": 1, "prediction_ids": ["y"]}, (0, 0.0)),
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.5]}, (0, 0.25)),
        ({"a": "yes"}, {"a": "no"}, (1, 0.0)),
        ({"a": 1}, {"b": 1}, (2, 0.0)),
        ([1], [1, 2], (1, float("inf"))),
        ({"a": True}, {"a": 1}, (1, 0.0)),
        ({"a": None}, {"a": 0.0}, (1, 0.0)),
    ],
)
def test_two_answers_are_as_far_apart_as_their_values(
    left: Mapping[str, Any], right: Mapping[str, Any], expected: tuple[int, float]
) -> None:
    found = apart(orjson.dumps(left), orjson.dumps(right))
    assert (found.mismatches, found.largest_difference) == expected


def test_rows_that_limits_of_the_schema_refuse_are_not_asked_with() -> None:
    limited = Signature(
        (
            Field("age", "integer", limits=ValueLimits(minimum=0, maximum=20, enforce=True)),
            Field("seen", "string", format="date-time"),
            Field("size", "number", nullable=True),
        ),
        "regression",
        None,
        "price",
    )
    kinds = kinds_of_rows(limited, None, np.random.default_rng(2), count=40)
    assert set(kinds) >= {"made up", "missing"}
    for rows in kinds.values():
        assert 0 < rows.row_count < 40
        assert rows.outside == ()


def test_the_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(naming).failed == 0
    assert doctest.testmod(export_page).failed == 0
