"""Batch scoring beside onnxruntime in a bare loop over the same Parquet files.

    python -m benchmarks.batch_scoring --rows 5000000

makes a dataset version of random numbers (30 columns), trains a forest of 50 trees, and scores all rows, in turns and each time in a
process of its own:

* *bare*: ``pyarrow.parquet`` reads row groups, they are stacked as float32, ``onnxruntime`` answers; nothing is checked and nothing kept. As many
  threads as the product uses, each answering by itself (``intra_op_num_threads=1``, as in the product);
* *bare loop*: the same in one thread, with onnxruntime's own threads inside;
* *product*: the job, from its claim to the version that is ready: files opened and trusted, every value checked, answers kept on disk stretch by
  stretch, written to the lake, digest (SHA-256) and profile of the result, one commit, database rows.

Seconds begin after the imports. *CPU s* are those of all threads. *Peak* is the largest resident size of the whole process.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

COLUMNS = 30
TRAINED = 5_000
TREES = 50
NAMES = [f"x{place}" for place in range(COLUMNS)]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=["prepare", *WAYS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        _one(options.way, options.rows)
        return
    with tempfile.TemporaryDirectory(prefix="batch-scoring-") as home:
        os.environ.update(
            MLOPS_HOME=home, DJANGO_SETTINGS_MODULE="mlops_site.settings", REDIS_URL=""
        )
        _in_a_process("prepare", options.rows)
        results: dict[str, list[Result]] = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way in WAYS:
                results[way].append(_in_a_process(way, options.rows))
        report(options.rows, results)


@dataclass(frozen=True, slots=True)
class Result:
    """How long one way took, how much of the processors, and how much memory its process had at most."""

    seconds: float
    cpu: float
    peak: int


def report(rows: int, results: dict[str, list[Result]]) -> None:
    """Print a table of medians."""
    rounds = len(results["bare"])
    print(
        f"{rows:,} rows × {COLUMNS}, forest of {TREES} trees, median of {rounds} rounds, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"{'':10} {'seconds':>8} {'rows/s':>10} {'of bare':>8} {'CPU s':>8} {'of bare':>8} {'peak MB':>8}"
    )
    bare_seconds = median(one.seconds for one in results["bare"])
    bare_cpu = median(one.cpu for one in results["bare"])
    for way, found in results.items():
        seconds, cpu = median(one.seconds for one in found), median(one.cpu for one in found)
        peak = max(one.peak for one in found)
        print(
            f"{way:10} {seconds:8.2f} {rows / seconds:10,.0f} {bare_seconds / seconds:8.0%} "
            f"{cpu:8.2f} {bare_cpu / cpu:8.0%} {peak / 1e6:8.0f}"
        )


def _in_a_process(way: str, rows: int) -> Result:
    command = [sys.executable, "-m", "benchmarks.batch_scoring", "--way", way, "--rows", str(rows)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Result(**json.loads(done.stdout.strip().splitlines()[-1]))


def _one(way: str, rows: int) -> None:
    """Run one way in this process, and print what it took as JSON."""
    import django
    from django.core.management import call_command

    django.setup()
    if way == "prepare":
        call_command("migrate", verbosity=0)
        _prepare(rows)
        print(json.dumps({"seconds": 0.0, "cpu": 0.0, "peak": 0}))
        return
    work = WAYS[way]()
    began, before = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak}))


def _prepare(rows: int) -> None:
    """Make the rows and the model."""
    import numpy as np
    import pyarrow as pa
    from django.contrib.auth.models import User

    from accounts.models import Project
    from accounts.principals import system_principal
    from datasets.execution.recording import create_ready_version
    from datasets.execution.writing import write_version
    from datasets.services import create_dataset
    from jobs import execution
    from models_registry.models import ModelVersion
    from training.services import start_training

    User.objects.create_superuser("bench", password="bench")
    principal = system_principal(Project.objects.create(name="Bench", slug="bench"))

    def batches(count: int, *, target: bool) -> Any:
        rng = np.random.default_rng(1)
        for first in range(0, count, 65_536):
            block = rng.normal(size=(min(65_536, count - first), COLUMNS))
            arrays = {name: block[:, place] for place, name in enumerate(NAMES)}
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
    assert model.runtime == "onnx", model.runtime


def _files(version: Any) -> list[str]:
    from datasets import lake

    table = lake.open_table(lake.dataset_path(version.dataset), version=version.delta_version)
    assert table is not None
    return [path.removeprefix("file://") for path in table.file_uris()]


def _bare(threads: int, own_threads: int) -> Callable[[], None]:
    """Return a loop over the rows with so many threads, each with so many threads of onnxruntime's own."""
    import numpy as np
    import onnxruntime
    import pyarrow.parquet as pq

    from core.blobs import default_store

    version, model = _made()
    files = _files(version)
    onnx = default_store().read(model.onnx_digest)

    def loop() -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = own_threads
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

        def score(place: tuple[str, int]) -> None:
            path, group = place
            table = pq.ParquetFile(path).read_row_group(group, columns=NAMES)
            block = np.column_stack([table[name].to_numpy() for name in NAMES]).astype(np.float32)
            session.run(None, {"rows": block})

        places = [
            (path, group) for path in files for group in range(pq.ParquetFile(path).num_row_groups)
        ]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(score, places))

    return loop


def _product() -> Callable[[], None]:
    """Return the job, queued and not yet claimed."""
    for name in ("deltalake", "onnxruntime", "pyarrow.dataset", "skops.io"):
        importlib.import_module(name)  # as the bare loop has its imports before
    from accounts.principals import system_principal
    from jobs import execution
    from serving import services

    version, model = _made()
    asked = services.score_dataset_version(
        principal=system_principal(model.model.project),
        model_version=model,
        dataset_version=version,
    )
    job = asked.job
    assert job is not None

    def carry_out() -> None:
        claim = execution.claim(job.pk, worker="bench")
        assert claim is not None
        execution.carry_out(claim)
        job.refresh_from_db()
        assert job.status == "succeeded", job.error_message

    return carry_out


def _made() -> tuple[Any, Any]:
    from datasets.models import DatasetVersion
    from models_registry.models import ModelVersion

    version = DatasetVersion.objects.get(dataset__name="rows")
    return version, ModelVersion.objects.select_related("model__project").get()


def _threads() -> int:
    from django.conf import settings

    return int(settings.SCORING_THREADS)


WAYS: dict[str, Callable[[], Callable[[], None]]] = {
    "bare": lambda: _bare(_threads(), 1),
    "bare loop": lambda: _bare(1, _threads()),
    "product": _product,
}


if __name__ == "__main__":
    main()
