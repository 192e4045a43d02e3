"""Makes what all contenders serve, through the product's own services: run with ``MLOPS_HOME`` set.

    python -m benchmarks.serving.prepare FOLDER MODEL…

For each model a dataset version is trained on, promoted, and put behind an endpoint that is called like it. The fitted
pipeline is then written to ``FOLDER/MODEL.joblib`` for the others, and what the benchmark needs to know to ``FOLDER/facts.json``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

TREES = 100
MOST_ROWS = 1000
#: Estimators of the catalogue, and their hyper-parameters where they are not the usual ones.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("logistic", {}),
    "forest": ("random_forest", {"n_estimators": TREES}),
    "boosting": ("hist_gradient_boosting", {}),
}


def main() -> None:
    """Make everything."""
    folder, models = Path(sys.argv[1]), sys.argv[2:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlops_site.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    prepare(folder, models)


def prepare(folder: Path, models: list[str]) -> None:
    """Train, promote and export the models."""
    import joblib
    from django.contrib.auth.models import User
    from sklearn.datasets import load_breast_cancer

    from accounts.models import Scope
    from accounts.selectors import principal_in_project
    from accounts.services import create_project, create_token
    from core.blobs import default_store
    from models_registry.artifacts import load_pipeline
    from models_registry.services import promote
    from serving.services import create_endpoint

    user = User.objects.create_superuser("bench")
    project = create_project(user=user, name="Benchmark", slug="benchmark")
    principal = principal_in_project(user, project)
    bunch = load_breast_cancer()
    names = [str(name) for name in bunch.feature_names]
    version = _dataset_version(principal, names, bunch.data, bunch.target)
    facts: dict[str, Any] = {"names": names, "rows": _rows(bunch.data), "models": {}}
    for name in models:
        made = _train(principal, version, name)
        if made.validation != "passed":
            raise SystemExit(f"the gates let '{name}' not through: {made.validation}")
        promote(principal=principal, version=made, reason="benchmark")
        create_endpoint(principal=principal, name=name, model=made.model)
        fitted = load_pipeline(default_store().read(made.artifact_digest))
        joblib.dump(lean(fitted), folder / f"{name}.joblib")
        facts["models"][name] = {"runtime": made.runtime, "classes": made.signature["classes"]}
    _, facts["token"] = create_token(
        user=user, project=project, name="benchmark", scopes=[Scope.PREDICT]
    )
    (folder / "facts.json").write_text(json.dumps(facts))


def lean(fitted: Any) -> Any:
    """Return a pipeline for arrays instead of data frames: the same fitted parts without the choice of columns.

    Choosing columns by name takes scikit-learn a millisecond, and so do two threads for one row of a forest; who
    writes a server by hand would leave out either.
    """
    from sklearn.pipeline import Pipeline

    if hasattr(fitted[-1], "n_jobs"):
        fitted[-1].n_jobs = None
    ((_, branch, _),) = fitted[0].transformers_
    steps = branch.steps if isinstance(branch, Pipeline) else []
    parts = [(name, step) for name, step in steps if step != "passthrough"] + fitted.steps[1:]
    for _, part in parts:
        # Arrays have no names: with these, scikit-learn would warn with every request.
        if hasattr(part, "feature_names_in_"):
            del part.feature_names_in_
    return Pipeline(parts)


def _rows(data: npt.NDArray[np.float64]) -> list[list[float]]:
    """Return the rows to ask about: measured again with a little noise."""
    rng = np.random.default_rng(7)
    chosen = data[rng.integers(0, len(data), MOST_ROWS)]
    rows: list[list[float]] = (chosen * rng.normal(1.0, 0.02, chosen.shape)).round(5).tolist()
    return rows


def _dataset_version(
    principal: Any, names: list[str], data: npt.NDArray[np.float64], target: npt.NDArray[np.int64]
) -> Any:
    import pyarrow as pa

    from datasets.execution.recording import create_ready_version
    from datasets.execution.writing import write_version
    from datasets.services import create_dataset

    table = pa.table(
        {
            **{name: data[:, at] for at, name in enumerate(names)},
            "diagnosis": np.where(target == 1, "benign", "malignant"),
        }
    )
    dataset = create_dataset(principal=principal, name="patients")
    return create_ready_version(
        principal=principal,
        dataset=dataset,
        written=write_version(dataset=dataset, table_or_batches=table, transaction_id="rows"),
        parent=None,
        source={"kind": "benchmark"},
        job_id=None,
    )


def _train(principal: Any, version: Any, name: str) -> Any:
    from jobs import execution
    from models_registry.models import ModelVersion
    from training.services import start_training

    estimator, params = MODELS[name]
    job = start_training(
        principal=principal,
        dataset_version=version,
        target="diagnosis",
        model=name,
        estimator=estimator,
        params=params,
        folds=2,
    )
    claim = execution.claim(job.pk, worker="benchmark")
    assert claim is not None
    execution.carry_out(claim)
    job.refresh_from_db()
    if job.status != "succeeded":
        raise SystemExit(f"'{name}' was not trained: {job.error_message}")
    return ModelVersion.objects.get(pk=job.result["model_version"])


if __name__ == "__main__":
    main()
