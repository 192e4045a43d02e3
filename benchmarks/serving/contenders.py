"""Who takes part: how each is installed, started, asked and understood.

All answer with the same fitted pipeline and give probabilities. Each is asked in the JSON that suits it best: the
product and the server written by hand with named values, the others with arrays. The product is started by its own
``up`` on SQLite and its private Redis, with a token that is checked and a log that is written before each answer; asked
is its scorer, and for comparison its web process, which serves people, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.serving.processes import HOST, Server, environment

ROOT = Path(__file__).resolve().parents[2]
_PEERS = Path(__file__).resolve().parent / "peers"

Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Facts:
    """What :mod:`benchmarks.serving.prepare` left behind.

    Attributes
    ----------
    folder
        Where it is, the product's data folder (``home``) included.
    rows
        Values to ask about, shape (1000, 30).
    """

    folder: Path
    names: list[str]
    rows: list[list[float]]
    token: str

    @classmethod
    def read(cls, folder: Path) -> Facts:
        """Return the facts of a folder."""
        told = json.loads((folder / "facts.json").read_text())
        return cls(folder, told["names"], told["rows"], told["token"])

    def records(self, count: int) -> list[dict[str, float]]:
        """Return the first rows as mappings."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows[:count]]


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """One server.

    Attributes
    ----------
    path
        The address that is asked, with ``{model}`` in it where it names the model.
    body
        Makes the JSON for the first n rows.
    read
        Takes the probabilities out of an answer, shape (n, 2); None: the answer means nothing.
    command
        Makes the command that starts it, and its variables: from its interpreter, the facts, the name of the model
        and a port.
    packages
        What its virtual environment holds besides scikit-learn; empty: it runs in the product's own.
    shares
        The name of the contender whose server it asks, too.
    after
        How far after the first port of its server the one lies that it asks.
    is_alone
        Whether its server starts nothing but what answers.
    """

    name: str
    title: str
    path: str
    body: Callable[[Facts, int], Any]
    read: Callable[[Any], Any] | None
    command: Callable[[str, Facts, str, int], tuple[Sequence[str], Mapping[str, str]]]
    packages: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    has_token: bool = False
    shares: str = ""
    after: int = 0
    is_alone: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether it is the product, whose log is shipped while others have their turn, unless that is waited for."""
        return PRODUCT.name in (self.name, self.shares)

    def headers_for(self, facts: Facts) -> dict[str, str]:
        """Return what is sent with each request."""
        made = {"Content-Type": "application/json", **self.headers}
        if self.has_token:
            made["Authorization"] = f"Bearer {facts.token}"
        return made

    def start(self, python: str, facts: Facts, model: str, port: int) -> Server:
        """Start its server."""
        command, extra = self.command(python, facts, model, port)
        return Server(command, extra=extra, folder=facts.folder, name=f"{self.name}-{model}")


def _instances(facts: Facts, count: int) -> Any:
    return {"instances": facts.records(count)}


def _up(_: str, facts: Facts, __: str, port: int) -> tuple[Sequence[str], Mapping[str, str]]:
    ports = ("--port", str(port), "--scorer-port", str(port + 1))
    words = ("up", "--no-demo", "--host", HOST, *ports)
    return (sys.executable, str(ROOT / "manage.py"), *words), product_environment(facts.folder)


def product_environment(folder: Path) -> dict[str, str]:
    """Return the variables with which the product keeps everything in a folder, and has its usual settings."""
    return {"MLOPS_HOME": str(folder / "home"), "MLOPS_ENV_FILE": "/dev/null"}


def _fastapi(
    python: str, facts: Facts, model: str, port: int
) -> tuple[Sequence[str], Mapping[str, str]]:
    words = ("--app-dir", str(_PEERS), "--host", HOST, "--port", str(port), "--workers", "1")
    return (
        (python, "-m", "uvicorn", "fastapi_app:app", *words, "--no-access-log"),
        {**_model(facts, model), "BENCHMARK_NAMES": "\t".join(facts.names)},
    )


def _model(facts: Facts, model: str) -> dict[str, str]:
    return {"BENCHMARK_MODEL": str(facts.folder / f"{model}.joblib")}


def _mlflow(
    python: str, facts: Facts, model: str, port: int
) -> tuple[Sequence[str], Mapping[str, str]]:
    saved = facts.folder / f"{model}-mlflow"
    scripts = str(Path(python).parent)
    quiet = {"PATH": f"{scripts}:/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true"}
    if not saved.exists():
        pipeline = str(facts.folder / f"{model}.joblib")
        subprocess.run(
            (python, str(_PEERS / "mlflow_save.py"), pipeline, str(saved)),
            env=environment(quiet),
            check=True,
            capture_output=True,
        )
    words = ("-m", str(saved), "--env-manager", "local", "-h", HOST, "-p", str(port), "-w", "1")
    return (f"{scripts}/mlflow", "models", "serve", *words), quiet


def _mlserver(
    python: str, facts: Facts, model: str, port: int
) -> tuple[Sequence[str], Mapping[str, str]]:
    folder = facts.folder / f"{model}-mlserver"
    folder.mkdir(exist_ok=True)
    settings = {
        "host": HOST,
        "http_port": port,
        # The others of its listeners take ports of their own, on the same address.
        "grpc_port": port + 1,
        "metrics_port": port + 2,
        "parallel_workers": 0,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    about = {
        "name": model,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(facts.folder / f"{model}.joblib"), "version": "1"},
    }
    (folder / "model-settings.json").write_text(json.dumps(about))
    return (str(Path(python).parent / "mlserver"), "start", str(folder)), {}


def _tensors(facts: Facts, count: int) -> Any:
    rows = {
        "name": "rows",
        "shape": [count, len(facts.names)],
        "datatype": "FP32",
        "data": [value for row in facts.rows[:count] for value in row],
    }
    return {"inputs": [rows], "outputs": [{"name": "predict_proba"}]}


def _read_tensors(answer: Any) -> Any:
    (output,) = answer["outputs"]
    return np.array(output["data"]).reshape(output["shape"])


def _bentoml(
    python: str, facts: Facts, model: str, port: int
) -> tuple[Sequence[str], Mapping[str, str]]:
    words = ("serve", "bentoml_app:Scorer", "--host", HOST, "--port", str(port))
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(facts.folder / "bentoml")}
    return (
        (str(Path(python).parent / "bentoml"), *words, "--working-dir", str(_PEERS)),
        {**_model(facts, model), **quiet},
    )


def _constant(_: str, __: Facts, ___: str, port: int) -> tuple[Sequence[str], Mapping[str, str]]:
    words = ("--interface", "wsgi", "--host", HOST, "--port", str(port), "--workers", "1")
    return (
        (
            *(sys.executable, "-m", "granian", "constant_app:application", *words),
            *("--working-dir", str(_PEERS), "--blocking-threads", "1"),
            *("--log-level", "warning", "--no-ws"),
        ),
        {},
    )


PRODUCT = Contender(
    name="product",
    title="this product",
    path="/api/v1/endpoints/{model}/predict/",
    body=_instances,
    read=lambda answer: answer["probabilities"],
    command=_up,
    has_token=True,
    after=1,
    is_alone=False,
)
CONTENDERS: dict[str, Contender] = {
    one.name: one
    for one in (
        PRODUCT,
        Contender(
            name="view",
            title="this product, documented view",
            path="/api/v1/endpoints/{model}/predict/",
            body=_instances,
            read=lambda answer: answer["probabilities"],
            command=_up,
            # A body that may be encoded is left to Django, whose views answer the same.
            headers={"Content-Encoding": "identity"},
            has_token=True,
            shares="product",
            after=1,
            is_alone=False,
        ),
        Contender(
            name="site",
            title="this product, web instead of scorer",
            path="/api/v1/endpoints/{model}/predict/",
            body=_instances,
            read=lambda answer: answer["probabilities"],
            command=_up,
            has_token=True,
            shares="product",
            is_alone=False,
        ),
        Contender(
            name="fastapi",
            title="FastAPI + scikit-learn by hand",
            path="/predict",
            body=_instances,
            read=lambda answer: answer["probabilities"],
            command=_fastapi,
            packages=("fastapi", "uvicorn[standard]"),
        ),
        Contender(
            name="mlflow",
            title="mlflow models serve",
            path="/invocations",
            body=lambda facts, count: {"inputs": facts.rows[:count]},
            read=lambda answer: answer["predictions"],
            command=_mlflow,
            packages=("mlflow",),
        ),
        Contender(
            name="mlserver",
            title="MLServer",
            path="/v2/models/{model}/infer",
            body=_tensors,
            read=_read_tensors,
            command=_mlserver,
            packages=("mlserver", "mlserver-sklearn"),
        ),
        Contender(
            name="bentoml",
            title="BentoML",
            path="/predict",
            body=lambda facts, count: {"rows": facts.rows[:count]},
            read=lambda answer: answer,
            command=_bentoml,
            packages=("bentoml",),
        ),
        Contender(
            name="constant",
            title="granian answering a constant",
            path="/",
            body=_instances,
            read=None,
            command=_constant,
        ),
    )
}
