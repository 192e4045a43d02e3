"""The server that stands alone: the site's answers, from files that were checked first."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from models_registry.artifacts import UntrustedArtifact
from models_registry.decisions import usual_threshold
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.uploaded import UploadedRuntime
from serving.exporting.asking import apart, questions, wrong_question
from serving.exporting.bundle import bundle_files, bundle_requirements
from serving.exporting.folders import with_sums
from serving.exporting.rows import made_up_rows
from serving.models import Endpoint
from serving.protocols import Payload
from serving.standalone import (
    Application,
    Asked,
    BundleDamaged,
    StandaloneModel,
    check_digests,
    load_model,
)
from serving.standalone.flask_server import flask_application
from serving.standalone.wsgi import wsgi_application
from tests.models_registry.fitting import Kind, fit
from tests.models_registry.test_uploaded_files import FILES, bound, rows_for
from tests.serving.exports.packing import DESCRIBED, NUMBER, files, lay_out, packed
from tests.serving.versions import ROW, in_memory
from tests.serving.wire import answered, secret_of

KINDS: list[tuple[str, Kind]] = [
    ("logistic", "binary"),
    ("random_forest", "multiclass"),
    ("hist_gradient_boosting", "regression"),
]
NATIVE = "/api/v1/endpoints/churn/predict/"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that nobody changes."""
    return lay_out(files(), tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def application(folder: Path) -> Application:
    """Its server."""
    return Application(load_model(folder))


@cache
def as_the_site(estimator: str, kind: Kind) -> StandaloneModel:
    """Return the same version with the runtime that the site has loaded."""
    loaded = in_memory(estimator, kind)
    return StandaloneModel(
        name="churn",
        version_number=NUMBER,
        described=DESCRIBED,
        signature=loaded.signature,
        runtime=loaded.runtime,
        runtime_name=loaded.runtime.name,
        most_bytes=1 << 20,
        most_rows=1000,
        threshold=usual_threshold(loaded.signature, {}),
    )


@cache
def exported(estimator: str, kind: Kind, root: str) -> Application:
    return Application(load_model(lay_out(files(estimator, kind), Path(root))))


def ask(application: Application, path: str, body: object, **headers: str) -> Payload:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return application.respond(
        Asked("POST", path, content, {"content-type": "application/json", **headers})
    )


@pytest.mark.parametrize(("estimator", "kind"), KINDS)
def test_any_dialect_and_any_rows_get_the_answer_of_the_site(
    estimator: str, kind: Kind, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = str(tmp_path_factory.mktemp(f"{estimator}-{kind}"))
    site, served = as_the_site(estimator, kind), exported(estimator, kind, root)

    @settings(max_examples=15, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 20))
    def agree(seed: int, count: int) -> None:
        rows = made_up_rows(site.signature, count, np.random.default_rng(seed))
        for question in questions(rows, "churn"):
            headers = {name.lower(): value for name, value in question.headers.items()}
            found = served.respond(Asked("POST", question.path, question.body, headers))
            assert found.status == 200, found.body
            expected = Application(site).respond(
                Asked("POST", question.path, question.body, headers)
            )
            gap = apart(expected.body, found.body)
            assert (gap.mismatches, gap.largest_difference) == (0, 0.0), question.dialect

    agree()


@pytest.mark.parametrize("threshold", [True, 0.25, 7.0, False])
@pytest.mark.django_db
def test_decisions_are_made_and_refused_as_the_site_does(
    api: Callable[..., APIClient], churn: Endpoint, application: Application, threshold: object
) -> None:
    body = {"instances": [ROW, {**ROW, "size": 12.25}], "threshold": threshold}
    path = "/api/v1/endpoints/churn/predict/"
    site = answered(secret_of(api()), body, path)
    found = ask(application, path, body)
    assert found.status == site.status == (422 if threshold == 7.0 else 200)
    ours, theirs = json.loads(found.body), json.loads(site.body)
    for name in ("predictions", "probabilities", "decisions", "threshold", "code"):
        assert ours.get(name) == theirs.get(name)
    assert ("decisions" in ours) is (threshold in {True, 0.25})


@pytest.mark.django_db
def test_the_fast_lane_of_the_site_answers_with_the_same_bytes_but_for_ids(
    api: Callable[..., APIClient], churn: Endpoint, tmp_path: Path
) -> None:
    secret = secret_of(api())
    rows = made_up_rows(packed().signature, 5, np.random.default_rng(1))
    served = Application(load_model(lay_out(files(), tmp_path / "bundle")))
    for question in questions(rows, "churn"):
        path = question.path
        if path == "/invocations":
            path = "/serve/demo/churn/invocations"
        site = answered(secret, question.body, path)
        found = ask(served, question.path, question.body)
        assert (site.status, found.status) == (200, 200)
        left, right = site.json(), orjson.loads(found.body)
        for document in (left, right):
            document.pop("model_version", None)
        gap = apart(orjson.dumps(left), orjson.dumps(right))
        assert (gap.mismatches, gap.largest_difference) == (0, 0.0), question.dialect
    wrong = wrong_question("churn")
    site = answered(secret, wrong.body, wrong.path)
    assert (site.status, site.body) == (422, ask(served, wrong.path, wrong.body).body)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/other:predict", 404),
        ("/v1/models/churn/versions/4:predict", 404),
        ("/v1/models/churn/labels/champion:predict", 404),
        ("/v2/models/churn/versions/4/infer", 404),
        ("/serve/demo/churn/invocations", 404),
        ("/nothing", 404),
        ("/v1/models/churn/versions/3:predict", 200),
    ],
)
def test_it_answers_for_its_own_model_and_version_only(
    application: Application, path: str, status: int
) -> None:
    assert ask(application, path, {"instances": [ROW]}).status == status


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/", "alive"),
        ("/v1/models", "churn"),
        ("/v1/models/churn", "AVAILABLE"),
        ("/v1/models/churn/versions/3", "AVAILABLE"),
        ("/v1/models/churn/metadata", "signature_def"),
        ("/v2", "binary_tensor_data"),
        ("/v2/models", "churn"),
        ("/v2/models/churn", "FP64"),
        ("/v2/models/churn/ready", "true"),
        ("/v2/models/churn/versions/3/config", "TYPE_FP64"),
        ("/v2/health/live", "true"),
        ("/v2/health/ready", "true"),
        ("/ping", "\n"),
        ("/version", "3."),
    ],
)
def test_it_describes_its_model_in_every_dialect(
    application: Application, path: str, said: str
) -> None:
    found = application.respond(Asked("GET", path))
    assert found.status == 200
    assert said in found.body.decode()


def test_refusals_are_in_the_words_of_the_dialect(application: Application) -> None:
    wrong = {"instances": [{**ROW, "size": "large"}]}
    native = ask(application, NATIVE, wrong)
    assert native.status == 422
    assert orjson.loads(native.body)["errors"][0]["field"] == "instances[0].size"
    tensorflow = ask(application, "/v1/models/churn:predict", wrong)
    assert (tensorflow.status, list(orjson.loads(tensorflow.body))) == (400, ["error"])
    mlflow = ask(application, "/invocations", b"{", **{"content-type": "application/json"})
    assert orjson.loads(mlflow.body)["error_code"] == "BAD_REQUEST"
    assert application.respond(Asked("DELETE", NATIVE)).status == 405
    encoded = ask(application, NATIVE, wrong, **{"content-encoding": "gzip"})
    assert encoded.status == 415
    assert ask(application, NATIVE, {"instances": [ROW] * 1001}).status == 413


def test_a_token_keeps_everybody_out_but_probes(folder: Path) -> None:
    application = Application(load_model(folder), token="secret")
    assert application.respond(Asked("GET", "/v2/health/ready")).status == 200
    assert application.respond(Asked("GET", "/v2/models/churn")).status == 401
    assert ask(application, NATIVE, {"instances": [ROW]}).status == 401
    wrong = ask(application, NATIVE, {"instances": [ROW]}, authorization="Bearer other")
    assert (wrong.status, dict(wrong.headers)["WWW-Authenticate"]) == (401, "Bearer")
    right = ask(application, NATIVE, {"instances": [ROW]}, authorization="Bearer secret")
    assert right.status == 200


def wsgi(
    application: Any, method: str, path: str, body: bytes, **environ: Any
) -> tuple[str, bytes]:
    """Ask a WSGI application."""
    started: list[Any] = []
    asked = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "model",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **environ,
    }
    parts = application(
        {name: value for name, value in asked.items() if value is not None},
        lambda status, headers, *_: started.append(status),
    )
    return started[0], b"".join(parts)


@pytest.mark.parametrize("coat", [wsgi_application, flask_application])
def test_a_framework_changes_nothing_about_an_answer(application: Application, coat: Any) -> None:
    served = coat(application)
    body = json.dumps({"instances": [ROW]}).encode()
    status, found = wsgi(served, "POST", NATIVE, body)
    assert status == "200 OK"
    assert apart(ask(application, NATIVE, body).body, found).mismatches == 0
    chunked = wsgi(
        served, "POST", NATIVE, body, CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked"
    )
    assert chunked[0] == "200 OK"
    large = b" " * ((1 << 20) + 1)
    assert wsgi(served, "POST", NATIVE, large)[0].startswith("413")
    endless = wsgi(
        served, "POST", NATIVE, large, CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked"
    )
    assert endless[0].startswith("413")
    assert wsgi(served, "GET", "/v2/models/churn", b"")[0] == "200 OK"
    assert wsgi(served, "PATCH", "/v2/models/churn", b"")[0].startswith("405")
    assert wsgi(served, "HEAD", "/ping", b"") == ("200 OK", b"")


def test_a_damaged_folder_is_not_served(tmp_path: Path) -> None:
    content = files()
    folder = lay_out(content, tmp_path / "bundle")
    assert set(check_digests(folder)) == set(content) - {"SHA256SUMS"}
    (folder / "src/__pycache__").mkdir()
    (folder / "src/__pycache__/x.pyc").write_bytes(b"made by running it")
    check_digests(folder)
    signature = folder / "model/signature.json"
    signature.write_bytes(signature.read_bytes().replace(b'"yes"', b'"yep"'))
    with pytest.raises(BundleDamaged, match=r"signature\.json' was changed"):
        load_model(folder)
    signature.unlink()
    with pytest.raises(BundleDamaged, match=r"signature\.json' is missing"):
        load_model(folder)
    signature.write_bytes(content["model/signature.json"])
    (folder / "model/more.py").write_bytes(b"")
    with pytest.raises(BundleDamaged, match="not named"):
        load_model(folder)
    (folder / "model/more.py").unlink()
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(BundleDamaged, match="SHA256SUMS' is missing"):
        load_model(folder)


def test_a_pipeline_that_asks_for_other_types_is_not_opened(tmp_path: Path) -> None:
    pipeline = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed().artifact)) as source,
        zipfile.ZipFile(pipeline, "w") as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            if name == "schema.json":
                data = data.replace(b'"LogisticRegression"', b'"Evil"', 1)
            target.writestr(name, data)
    content = {**files(), "model/pipeline.skops": pipeline.getvalue()}
    del content["SHA256SUMS"]
    folder = lay_out(with_sums(content), tmp_path / "bundle")
    with pytest.raises(UntrustedArtifact):
        load_model(folder)


def test_the_program_in_the_folder_says_whether_it_is_as_it_was_exported(folder: Path) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", "verify.py"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

    good = run()
    assert (good.returncode, "as they were exported" in good.stdout) == (0, True), good.stderr
    extra = folder / "extra.txt"
    extra.write_text("x")
    bad = run()
    extra.unlink()
    assert (bad.returncode, "extra.txt" in bad.stdout) == (1, True)


def test_scikit_learn_itself_can_answer_for_several_classes_of_boosting() -> None:
    one = fit("hist_gradient_boosting", "multiclass")
    site = replace(
        as_the_site("hist_gradient_boosting", "multiclass"),
        runtime=NativeRuntime(one.pipeline, one.signature),
    )
    for question in questions(one.held_out.take(slice(0, 3)), "churn"):
        found = Application(site).respond(
            Asked("POST", question.path, question.body, {"content-type": "application/json"})
        )
        assert found.status == 200, question.dialect


def test_a_model_that_was_made_elsewhere_leaves_as_the_file_that_came_in(tmp_path: Path) -> None:
    data, declared = FILES["net with softmax"]
    signature, binding = bound(data, declared=declared)
    one = replace(
        packed(),
        signature=signature,
        runtime=UploadedRuntime.name,
        artifact=data,
        binding=binding.to_dict(),
        onnx=None,
    )
    requirements = bundle_requirements(one)
    assert "onnxruntime" in requirements.pins
    content = with_sums(bundle_files(one, requirements))
    assert "model/pipeline.skops" not in content
    model = load_model(lay_out(content, tmp_path / "bundle"))
    rows = rows_for(signature)
    expected = UploadedRuntime(signature, data, binding).predict(rows)
    assert model.runtime.predict(rows).labels == expected.labels
    for question in questions(rows, "churn"):
        headers = {name.lower(): value for name, value in question.headers.items()}
        found = Application(model).respond(Asked("POST", question.path, question.body, headers))
        assert found.status == 200, question.dialect
