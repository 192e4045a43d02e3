"""Profile and check a generated dataset version: seconds, seconds of the processors, peak memory.

The rows (30 columns: identifier, integers, numbers, categories, texts, truth values, moments, a target; with missing
values and some rows that are there twice) are brought in as two versions of a dataset; a second dataset holds its
customers. Then, each in a process of its own, and read from the lake:

* the profile of the newest version: the one that every version gets when it is made, then the job of the
  deep one (gaps, duplicates, associations, leakage suspects against the target, the target's course);
* each kind of data check, one after the other, over all rows.

Memory is the largest resident size of the process and its children, looked at fifty times a second.

    python -m benchmarks.profiles --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.processes import run_measured

_BATCH_ROWS = 65_536
_BYTES_PER_ROW = 400
_TWICE = 100
_TARGET = "bought"


def generate(rows: int, *, seed: int) -> Iterator[Any]:
    """Return batches like the orders of a shop; every batch has some rows twice.

    Rows of another seed come from the same distributions, except that prices grow with it by a tenth.
    """
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(seed)
    for start in range(0, rows, _BATCH_ROWS):
        n = min(_BATCH_ROWS, rows - start)
        table = pa.table({"order_id": np.arange(start, start + n), **_columns(rng, start, n, seed)})
        if n > 2 * _TWICE:
            # The last rows once more, under numbers of their own.
            kept = table.slice(0, n - _TWICE)
            again = kept.slice(kept.num_rows - _TWICE)
            again = again.set_column(0, "order_id", table["order_id"].slice(n - _TWICE))
            table = pa.concat_tables([kept, again])
        yield from table.combine_chunks().to_batches()


def _columns(rng: Any, start: int, n: int, seed: int) -> dict[str, Any]:
    import numpy as np
    import pyarrow as pa

    def with_nulls(values: Any, share: float) -> pa.Array:
        return pa.array(values, mask=rng.random(n) < share)

    def one_of(name: str, count: int, null: float = 0.0) -> pa.Array:
        at = np.minimum(rng.geometric(3.0 / count, n) - 1, count - 1)
        codes = pa.array(at, mask=rng.random(n) < null)
        labels = pa.array([f"{name} {number}" for number in range(count)])
        return pa.DictionaryArray.from_arrays(codes, labels).cast(pa.string())

    seconds = np.arange(start, start + n) * 30 + rng.integers(0, 60, n)
    placed = np.datetime64("2024-01-01T00:00:00", "us") + seconds.astype("timedelta64[s]")
    moments = pa.timestamp("us", tz="UTC")
    days = rng.integers(1, 20, n).astype("timedelta64[D]")
    price = np.round(rng.gamma(2.0, 20.0, n) * (1 + 0.1 * seed), 2)
    quantity = rng.integers(1, 100, n)
    visits = rng.poisson(5.0, n)
    minutes = rng.gamma(3.0, 4.0, n)
    wants = 0.08 * visits + 0.02 * minutes - 0.004 * price + rng.logistic(size=n)
    bought = wants > 0.5
    word = pa.array([f"word{number:05d}" for number in range(20_000)])
    text = pa.compute.binary_join_element_wise(
        *(word.take(pa.array(rng.integers(0, len(word), n))) for _ in range(5)), " "
    )
    return {
        "customer": pa.array(rng.integers(0, 200_000, n)),
        "quantity": with_nulls(quantity, 0.02),
        "age": with_nulls(rng.integers(18, 90, n), 0.1),
        "visits": pa.array(visits),
        "price": with_nulls(price, 0.01),
        "discount": pa.array(np.round(price * rng.random(n) * 0.3, 2)),
        "weight": with_nulls(rng.lognormal(0.0, 1.0, n), 0.05),
        "latitude": pa.array(np.round(rng.uniform(-90, 90, n), 6)),
        "longitude": pa.array(np.round(rng.uniform(-180, 180, n), 6)),
        "score": with_nulls(rng.normal(size=n), 0.3),
        "rating": with_nulls(np.round(rng.uniform(1, 5, n), 1), 0.5),
        "minutes": pa.array(minutes),
        # Known for those who bought: a gap that tells the target.
        "paid": pa.array(np.round(price * quantity, 2), mask=~bought),
        "country": one_of("country", 150),
        "city": one_of("city", 3_000, 0.03),
        "status": one_of("status", 5),
        "channel": one_of("channel", 8, 0.01),
        "device": one_of("device", 12),
        "segment": one_of("segment", 20, 0.2),
        "plan": one_of("plan", 4),
        "description": text,
        "reference": pa.array(np.char.mod("%016x", rng.integers(0, 2**62, n))),
        "is_member": pa.array(rng.random(n) < 0.3),
        "is_gift": with_nulls(rng.random(n) < 0.05, 0.2),
        "placed_at": pa.array(placed).cast(moments),
        "shipped_at": with_nulls(placed + days, 0.1).cast(moments),
        "due_at": pa.array(placed + 2 * days).cast(moments),
        "returned": pa.array(bought & (rng.random(n) < 0.2)),
        _TARGET: pa.array(np.where(bought, "yes", "no")),
    }


def make_versions(rows: int) -> dict[str, Any]:
    """Bring the rows in, as the job of an upload does after it has read the file."""
    import numpy as np
    import pyarrow as pa
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from accounts.models import Project
    from accounts.principals import system_principal
    from datasets.execution.recording import create_ready_version
    from datasets.execution.writing import write_version
    from datasets.models import Dataset

    project = Project.objects.create(name="benchmark", slug="benchmark")
    customers = pa.table({"customer": np.arange(200_000)})
    made: list[float] = []
    for name, give in (
        ("customers", customers.to_batches),
        ("orders", lambda: generate(rows, seed=0)),
        ("orders", lambda: generate(rows, seed=1)),
    ):
        dataset, _ = Dataset.objects.get_or_create(project=project, name=name)
        began = time.perf_counter()
        written = write_version(
            dataset=dataset, table_or_batches=give, transaction_id=f"{name} {len(made)}"
        )
        made.append(time.perf_counter() - began)
        create_ready_version(
            principal=system_principal(project),
            dataset=dataset,
            written=written,
            parent=None,
            source={"kind": "benchmark"},
            job_id=None,
        )
    return {"parts": {"bring in a version, its profile included": made[-1]}}


def _newest() -> Any:
    from datasets.models import DatasetVersion

    return DatasetVersion.objects.filter(dataset__name="orders").order_by("-number")[0]


def measure_profile(rows: int) -> dict[str, Any]:
    """Profile the newest version: each column, then the whole of it."""
    from datasets import lake
    from datasets.profile import TableStream
    from datasets.profile.deep import deep_profile
    from datasets.schema import Schema

    version = _newest()
    schema = Schema.from_dict(version.schema)
    assert (version.row_count, len(schema.names)) == (rows, 30)
    parts: dict[str, float] = {}
    last = began = time.perf_counter()
    stream = TableStream(schema)
    for batch in lake.iter_batches(version):
        stream.update(batch)
    columns = stream.profile().to_dict()["columns"]
    # In the product this is part of bringing the version in, and what follows a job, in another process.
    del stream, batch
    parts["columns: statistics, histograms, most frequent values"] = time.perf_counter() - began
    stage = "gaps, duplicates, texts, course"

    def progress(_: float, name: str) -> None:
        nonlocal last, stage
        at = time.perf_counter()
        parts[stage] = parts.get(stage, 0.0) + at - last
        last = at
        stage = name if name in ("associations", "leakage") else stage

    last = time.perf_counter()
    measured = deep_profile(
        lake.iter_batches(version),
        schema,
        row_count=rows,
        target=_TARGET,
        profiles={column["name"]: column for column in columns},
        progress=progress,
    )
    progress(1.0, "")
    found = measured.to_dict()
    suspects = ", ".join(one["column"] for one in found["leakage"]["suspects"])
    return {
        "parts": parts,
        "said": f"{found['duplication']['surplus_rows']:,} rows repeat others; suspects: {suspects}",
    }


def measure_checks(rows: int) -> dict[str, Any]:
    """Carry out a check of each kind on the newest version."""
    from datasets.checking.kinds import KINDS, checked_spec
    from datasets.execution.checking import CheckedVersion, run_checks
    from datasets.models import DataCheck
    from datasets.schema import Schema

    version = _newest()
    columns_of = list(Schema.from_dict(version.schema).names)
    asked: list[tuple[str, list[str], dict[str, Any]]] = [
        ("completeness", columns_of, {"max_null_fraction": 0.9}),
        ("uniqueness", ["order_id"], {}),
        ("range", ["price", "weight"], {"minimum": 0}),
        ("set", ["plan"], {"values": [f"plan {number}" for number in range(4)]}),
        ("regex", ["reference"], {"pattern": "[0-9a-f]{16}"}),
        ("type", ["description"], {"type": "number"}),
        ("row_count", [], {"max_change_fraction": 0.1}),
        ("freshness", ["placed_at"], {"max_age_hours": 1e6}),
        ("duplicates", [], {"max_count": rows}),
        ("new_categories", ["city", "country"], {}),
        ("drift", [], {}),
        ("foreign_key", ["customer"], {"dataset": "customers", "column": "customer"}),
    ]
    assert {kind for kind, _, _ in asked} == set(KINDS)
    parts = {}
    for kind, columns, parameters in asked:
        spec = checked_spec(kind, columns, parameters)
        check = DataCheck(
            dataset=version.dataset, kind=kind, columns=columns, parameters=dict(spec.parameters)
        )
        began = time.perf_counter()
        (result,) = run_checks(CheckedVersion.of(version), [check])
        parts[f"{check}: {result.verdict}"] = time.perf_counter() - began
        if result.verdict == "error":
            raise SystemExit(f"{check}: {result.message}")
    return {"parts": parts}


_STEPS: dict[str, Callable[[int], dict[str, Any]]] = {
    "versions": make_versions,
    "profile": measure_profile,
    "checks": measure_checks,
}


def _run_step(step: str, rows: int) -> None:
    import django

    django.setup()
    before, began = time.process_time(), time.perf_counter()
    told = _STEPS[step](rows)
    told["seconds"] = sum(told["parts"].values())
    told["cpu"] = time.process_time() - before
    told["wall"] = time.perf_counter() - began
    print(json.dumps(told))


def _report(step: str, told: dict[str, Any], peak: int) -> None:
    print(
        f"{step}: {told['seconds']:.1f} s, {told['cpu']:.1f} s of the processors, "
        f"peak {peak / 1e6:,.0f} MB"
    )
    for name, seconds in told["parts"].items():
        print(f"  {name:55} {seconds:7.2f} s")
    if told.get("said"):
        print(f"  {told['said']}")


def main() -> None:
    """Generate, measure, report, clean up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--step", choices=list(_STEPS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        _run_step(arguments.step, arguments.rows)
        return
    home = Path(tempfile.mkdtemp(prefix="profile-benchmark-"))
    try:
        needed = 4 * _BYTES_PER_ROW * arguments.rows
        if shutil.disk_usage(home).free < needed:
            raise SystemExit(f"{needed / 1e9:.0f} GB of disk are needed in {home}")
        environment = {
            **os.environ,
            "MLOPS_HOME": str(home),
            "DJANGO_SETTINGS_MODULE": "mlops_site.settings",
        }
        print(
            f"{arguments.rows:,} rows × 30, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        )
        for step in _STEPS:
            told, peak = run_measured(
                "benchmarks.profiles",
                ["--step", step, "--rows", str(arguments.rows)],
                environment,
            )
            _report(step, told, peak)
            sys.stdout.flush()
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
