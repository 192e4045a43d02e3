"""The files of a bundle: everything that a server of one model version needs, and what to read first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from models_registry.signatures import Signature
from serving.exporting.asking import questions
from serving.exporting.manifests import Named, manifests_of
from serving.exporting.requirements import Requirements, requirements_of
from serving.exporting.rows import made_up_rows
from serving.exporting.sources import ROOT, server_sources
from serving.standalone.files import ESTIMATOR, PIPELINE, SIGNATURE, UPLOADED

FORMAT = 1
_SCRIPTS = Path(__file__).with_name("scripts")
_EXAMPLES = {
    "native": "native.json",
    "TensorFlow Serving": "tensorflow.json",
    "Open Inference v2": "open-inference.json",
    "MLflow scoring": "mlflow.json",
}


@dataclass(frozen=True, slots=True)
class Packed:
    """What goes into a bundle.

    Attributes
    ----------
    described
        ``{"id", "model", "number"}`` of the version, as native answers say it.
    artifact
        The pipeline (skops), or the ONNX file that was uploaded; ``binding`` is there with the latter only.
    onnx
        The estimator of a pipeline as ONNX, where that is the runtime.
    card
        The model card (Markdown).
    most_bytes, most_rows
        Limits of one request, as on the site.
    threshold
        The version's usual threshold of decisions, where it has one.
    """

    named: Named
    framework: str
    described: Mapping[str, Any]
    task: str
    signature: Signature
    runtime: str
    artifact: bytes
    binding: Mapping[str, Any] | None
    onnx: bytes | None
    card: str
    most_bytes: int
    most_rows: int
    threshold: float | None = None


def bundle_requirements(packed: Packed) -> Requirements:
    """Return what the bundle's server needs to be installed."""
    return requirements_of(
        server_sources(packed.framework).libraries,
        framework=packed.framework,
        with_onnx=packed.onnx is not None or packed.binding is not None,
    )


def bundle_files(packed: Packed, requirements: Requirements) -> dict[str, bytes]:
    """Return the files of a bundle by their paths in it (without their digests)."""
    sources = server_sources(packed.framework)
    files = {
        "README.md": _readme(packed, requirements).encode(),
        "MODEL_CARD.md": packed.card.encode(),
        "bundle.json": _described(packed),
        "requirements.txt": requirements.text(),
        "app.py": _script(f"app_{packed.framework}.py"),
        **{name: _script(name) for name in ("plain.py", "serve.py", "healthcheck.py", "verify.py")},
        PIPELINE if packed.binding is None else UPLOADED: packed.artifact,
        SIGNATURE: _json(packed.signature.to_dict()),
        "src/LICENSE": (ROOT / "LICENSE").read_bytes(),
        **{f"src/{path}": content for path, content in sources.files.items()},
        **_examples(packed),
        **manifests_of(packed.named),
    }
    if packed.onnx is not None:
        files[ESTIMATOR] = packed.onnx
    return files


def _script(name: str) -> bytes:
    return (_SCRIPTS / name).read_bytes()


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"


def _described(packed: Packed) -> bytes:
    return _json(
        {
            "format": FORMAT,
            "name": packed.named.name,
            "server": packed.framework,
            "version": dict(packed.described),
            "task": packed.task,
            "runtime": packed.runtime,
            "artifact_sha256": packed.named.artifact_digest,
            "binding": packed.binding,
            "threshold": packed.threshold,
            "limits": {"body_bytes": packed.most_bytes, "rows": packed.most_rows},
        }
    )


def _examples(packed: Packed) -> dict[str, bytes]:
    """Return one request in each dialect; its rows are made up from the signature."""
    rows = made_up_rows(packed.signature, 2, np.random.default_rng(0))
    return {
        f"examples/{_EXAMPLES[one.dialect]}": one.body + b"\n"
        for one in questions(rows, packed.named.name)
        if one.dialect in _EXAMPLES
    }


def _readme(packed: Packed, requirements: Requirements) -> str:
    named = packed.named
    framework = {"flask": "Flask", "fastapi": "FastAPI"}[packed.framework]
    installed = (
        ""
        if requirements.is_framework_installed
        else f"""
{framework} was not installed where this was exported: `requirements.txt` names the version that exports are tested with,
and its own requirements are not pinned.
"""
    )
    return f"""\
# {packed.described["model"]}, version {packed.described["number"]}

A model with a server of its own ({framework}). What the model is, how good it is and where it comes from: `MODEL_CARD.md`.

    python verify.py                       # every file against SHA256SUMS; or: sha256sum -c SHA256SUMS
    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python serve.py              # http://127.0.0.1:8080; HOST, PORT, WORKERS, THREADS
    curl -H 'Content-Type: application/json' -d @examples/native.json \\
        http://127.0.0.1:8080/api/v1/endpoints/{named.name}/predict/

The server checks all digests before it opens a file; a pipeline (`skops`) is opened against a fixed list of types.
`src/` holds the site's own modules: decoding, validation and scoring are the code that answers there.
{installed}
| dialect | address | example |
|---|---|---|
| native | `POST /api/v1/endpoints/{named.name}/predict/` | `examples/native.json` |
| TensorFlow Serving, KServe v1 | `POST /v1/models/{named.name}:predict` (`:classify`, `:regress`) | `examples/tensorflow.json` |
| Open Inference v2 | `POST /v2/models/{named.name}/infer` | `examples/open-inference.json` |
| MLflow, SageMaker | `POST /invocations` | `examples/mlflow.json` |

`GET /v1/models/{named.name}`, `/v1/models/{named.name}/metadata`, `/v2/models/{named.name}`, `/v2/health/live`,
`/v2/health/ready` and `/ping` tell about it. Set `API_TOKEN` to ask everybody but probes for `Authorization: Bearer …`.
Answers carry ids as they do on the site, but nothing is logged here: ground truth cannot be sent for them.

## Containers

    docker build -t {named.image} .
    docker run --read-only --tmpfs /tmp -p 8080:8080 {named.image}
    kubectl apply -k kubernetes                            # Deployment, Service, HorizontalPodAutoscaler
    kubectl apply -f kserve/inference-service.yaml         # KServe

Write your registry into `kubernetes/kustomization.yaml` and `kserve/inference-service.yaml` first. The token is read from a secret, if
there is one: `kubectl create secret generic {named.release}-token --from-literal=token=…`.
"""
