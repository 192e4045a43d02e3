"""Batch scoring beside onnxruntime in a bare loop over the same Parquet files.

    python benchmarks/batch_scoring.py --rows 5000000

makes a dataset version of random numbers (30 columns), trains a forest of 50 trees, and scores all rows: once with a loop of
``pyarrow.parquet`` and ``onnxruntime`` (one thread, and as many as the product uses), once as the product's job does it, in this process,
from the claim to the version that is ready. Prints rows per second, their ratio, and the peak of resident memory. Everything is kept in a
temporary folder.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

COLUMNS = 30
TRAINED = 5_000
TREES = 50


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(
            MLOPS_HOME=home, DJANGO_SETTINGS_MODULE="mlops_site.settings", REDIS_URL=""
        )
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        measure(options.rows, options.rounds)


def measure(rows: int, rounds: int) -> None:
    """Make data and model, take turns, print a table."""
    from django.conf import settings

    version, model, onnx = _prepare(rows)
    files = _files(version)
    bare_one = []
    bare_all = []
    product = []
    scored = []
    peak = _Peak()
    for _ in range(rounds):
        bare_one.append(rows / _bare(files, onnx, 1))
        bare_all.append(rows / _bare(files, onnx, settings.SCORING_THREADS))
        with peak:
            whole, scoring = _product(version, model)
        product.append(rows / whole)
        scored.append(rows / scoring)
    middle = [sorted(one)[len(one) // 2] for one in (bare_one, bare_all, scored, product)]
    print(f"{rows:,} rows × {COLUMNS}, forest of {TREES} trees, median of {rounds} rounds")
    names = (
        "onnxruntime, bare loop, 1 thread",
        f"onnxruntime, bare loop, {settings.SCORING_THREADS} threads",
        "product: read, check, score, keep",
        "product: whole job, lake commit and profile included",
    )
    for name, speed in zip(names, middle, strict=True):
        print(f"  {name:55s} {speed:12,.0f} rows/s   {speed / middle[1]:5.0%} of bare")
    print(
        f"  resident memory while scoring, above the start of it: {peak.highest / 2**20:,.0f} MiB"
    )
    print(f"  peak of the whole process (generation included): {_rss() / 2**20:,.0f} MiB")


def _prepare(rows: int) -> tuple[Any, Any, bytes]:
    import numpy as np
    import pyarrow as pa
    from django.contrib.auth.models import User

    from accounts.models import Project
    from accounts.principals import system_principal
    from core.blobs import default_store
    from datasets.execution import create_ready_version, write_version
    from datasets.services import create_dataset
    from jobs import execution
    from models_registry.models import ModelVersion
    from training.services import start_training

    User.objects.create_superuser("bench", password="bench")
    principal = system_principal(Project.objects.create(name="Bench", slug="bench"))
    names = [f"x{place}" for place in range(COLUMNS)]

    def batches(count: int, *, target: bool) -> Any:
        rng = np.random.default_rng(1)
        for first in range(0, count, 65_536):
            block = rng.normal(size=(min(65_536, count - first), COLUMNS))
            arrays = {name: block[:, place] for place, name in enumerate(names)}
            if target:
                arrays["y"] = np.where(block[:, 0] * block[:, 1] + block[:, 2] > 0, "yes", "no")
            yield pa.RecordBatch.from_pydict({k: pa.array(v) for k, v in arrays.items()})

    made = []
    for name, count, target in (("train", TRAINED, True), ("rows", rows, False)):
        dataset = create_dataset(principal=principal, name=name)
        written = write_version(
            dataset=dataset,
            table_or_batches=partial(batches, count, target=target),
            transaction_id=name,
        )
        made.append(
            create_ready_version(
                principal=principal,
                dataset=dataset,
                written=written,
                parent=None,
                source={"kind": "benchmark"},
                job_id=None,
            )
        )
    job = start_training(
        principal=principal,
        dataset_version=made[0],
        target="y",
        model="forest",
        estimator="random_forest",
        params={"n_estimators": TREES, "max_depth": 8},
        folds=2,
    )
    claim = execution.claim(job.pk, worker="bench")
    assert claim is not None
    execution.carry_out(claim)
    job.refresh_from_db()
    assert job.status == "succeeded", job.error_message
    model = ModelVersion.objects.get(pk=job.result["model_version"])
    print(f"runtime: {model.runtime}")
    return made[1], model, default_store().read(model.onnx_digest)


def _files(version: Any) -> list[str]:
    from datasets import lake

    table = lake.open_table(lake.dataset_path(version.dataset), version=version.delta_version)
    assert table is not None
    return [path.removeprefix("file://") for path in table.file_uris()]


def _bare(files: list[str], onnx: bytes, threads: int) -> float:
    """Read row groups, stack them as float32, run; nothing is checked and nothing kept."""
    import numpy as np
    import onnxruntime
    import pyarrow.parquet as pq

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    names = [f"x{place}" for place in range(COLUMNS)]

    def score(place: tuple[str, int]) -> None:
        path, group = place
        table = pq.ParquetFile(path).read_row_group(group, columns=names)
        block = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)
        session.run(None, {"rows": block})

    began = time.perf_counter()
    places = [
        (path, group) for path in files for group in range(pq.ParquetFile(path).num_row_groups)
    ]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(score, places))
    return time.perf_counter() - began


def _product(version: Any, model: Any) -> tuple[float, float]:
    """Return the seconds of the whole job, and of reading, scoring and keeping alone."""
    from accounts.principals import system_principal
    from jobs import execution
    from serving import services
    from serving.execution import scoring

    spent: list[float] = []
    genuine = scoring._score_all

    def timed(*args: Any, **kwargs: Any) -> None:
        began = time.perf_counter()
        genuine(*args, **kwargs)
        spent.append(time.perf_counter() - began)

    scoring._score_all = timed
    asked = services.score_dataset_version(
        principal=system_principal(model.model.project),
        model_version=model,
        dataset_version=version,
    )
    assert asked.job is not None
    began = time.perf_counter()
    claim = execution.claim(asked.job.pk, worker="bench")
    assert claim is not None
    execution.carry_out(claim)
    whole = time.perf_counter() - began
    scoring._score_all = genuine
    asked.job.refresh_from_db()
    assert asked.job.status == "succeeded", asked.job.error_message
    return whole, spent[0]


def _rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class _Peak:
    """The highest resident memory above that of the beginning, looked at ten times a second."""

    def __init__(self) -> None:
        self.highest = 0

    def __enter__(self) -> None:
        import psutil

        self._stop = threading.Event()
        process = psutil.Process()
        start = process.memory_info().rss

        def look() -> None:
            while not self._stop.wait(0.1):
                self.highest = max(self.highest, process.memory_info().rss - start)

        self._thread = threading.Thread(target=look)
        self._thread.start()

    def __exit__(self, *args: object) -> None:
        self._stop.set()
        self._thread.join()


if __name__ == "__main__":
    main()
