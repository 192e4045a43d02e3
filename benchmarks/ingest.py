"""Ingest one generated CSV file in three ways and compare rows per second and peak memory.

Ours is the whole of it: types from all rows, Delta table, SHA-256 over all rows, profile. DuckDB turns the file
into Parquet with types sniffed from all rows (``sample_size=-1``), pandas with ``read_csv`` and ``to_parquet``.
Each runs in a process of its own, one after the other; memory is the largest resident size of the process with
its children. In several rounds the ways take turns, so that whatever else the machine does meets all of them, and
medians are told.

    python -m benchmarks.ingest --rows 10000000
    python -m benchmarks.ingest --rows 10000000 --ways ours pandas --rounds 8
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.processes import run_measured

_BATCH_ROWS = 250_000
_BYTES_PER_ROW = 200
_CITIES = ("north", "south", "east", "west", "Zürich", "Köln", "São Paulo", "New York")


def generate(path: Path, rows: int) -> None:
    """Write a file like the export of a shop: integers, numbers, texts, moments, truth values, nulls."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    rng = np.random.default_rng(1)
    cities = np.array(_CITIES)

    def with_nulls(values: object, share: float) -> pa.Array:
        return pa.array(values, mask=rng.random(len(values)) < share)  # type: ignore[arg-type]

    with path.open("wb") as file:
        for start in range(0, rows, _BATCH_ROWS):
            n = min(_BATCH_ROWS, rows - start)
            seconds = np.arange(start, start + n) // 3 + rng.integers(0, 60, n)
            placed = np.datetime64("2020-01-01T00:00:00") + seconds.astype("timedelta64[s]")
            text = pc.binary_join_element_wise(
                pa.array(cities[rng.integers(0, 8, n)]),
                pa.array(rng.integers(0, 10**6, n)).cast(pa.string()),
                pa.array(cities[rng.integers(0, 8, n)]),
                "delivered to the door",
                ", item ",
            )
            table = pa.table(
                {
                    "order_id": np.arange(start, start + n),
                    "customer": rng.integers(10**9, 10**10, n),
                    "quantity": with_nulls(rng.integers(1, 100, n), 0.02),
                    "price": with_nulls(np.round(rng.gamma(2.0, 20.0, n), 2), 0.01),
                    "latitude": np.round(rng.uniform(-90, 90, n), 6),
                    "score": with_nulls(rng.normal(size=n), 0.05),
                    "balance": rng.integers(-(10**6), 10**6, n),
                    "city": with_nulls(cities[rng.integers(0, 8, n)], 0.03),
                    "description": text,
                    "reference": np.char.mod("%016x", rng.integers(0, 2**63, n)),
                    "placed_at": placed,
                    "shipped_on": with_nulls(placed.astype("datetime64[D]"), 0.1),
                    "is_member": rng.random(n) < 0.3,
                    "is_gift": with_nulls(rng.random(n) < 0.05, 0.2),
                    "status": cities[rng.integers(0, 4, n)],
                    "zip": np.char.mod("%05d", rng.integers(0, 10**5, n)),
                }
            )
            options = csv.WriteOptions(include_header=start == 0, quoting_style="needed")
            csv.write_csv(table, file, options)


@dataclass(frozen=True, slots=True)
class Result:
    """How long one way took, how much of the processors, and how much memory its processes had at most."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


class Stretch:
    """The seconds from its making to its end, by the clock and of all threads of the process."""

    def __init__(self) -> None:
        self.seconds, self.cpu_seconds = -time.perf_counter(), -time.process_time()

    def ended(self) -> Stretch:
        """Stop counting."""
        self.seconds += time.perf_counter()
        self.cpu_seconds += time.process_time()
        return self


def measured(way: str, path: Path, work: Path) -> Result:
    """Run one way in a process of its own."""
    environment = {
        **os.environ,
        "MLOPS_HOME": str(work / "home"),
        "DJANGO_SETTINGS_MODULE": "mlops_site.settings",
    }
    arguments = ["--way", way, str(path), str(work)]
    told, peak = run_measured("benchmarks.ingest", arguments, environment)
    return Result(float(told["seconds"]), float(told["cpu"]), peak)


def run_ours(path: Path, work: Path) -> Stretch:
    """Write the file as a dataset version, as the job of an upload does."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from accounts.models import Project
    from datasets.execution.files import write_file
    from datasets.models import Dataset

    project = Project.objects.create(name="benchmark", slug="benchmark")
    dataset = Dataset.objects.create(project=project, name="orders")
    stretch = Stretch()
    write_file(
        dataset=dataset, path=path, filename="orders.csv", transaction_id="one", scratch=work
    )
    return stretch.ended()


def run_duckdb(path: Path, work: Path) -> Stretch:
    """Turn the file into Parquet with types sniffed from all rows."""
    import duckdb

    stretch = Stretch()
    duckdb.sql(
        f"COPY (SELECT * FROM read_csv('{path}', sample_size=-1)) "
        f"TO '{work / 'duckdb.parquet'}' (FORMAT parquet)"
    )
    return stretch.ended()


def run_pandas(path: Path, work: Path) -> Stretch:
    """Read the file into a frame and write that as Parquet."""
    import pandas as pd

    stretch = Stretch()
    pd.read_csv(path).to_parquet(work / "pandas.parquet")
    return stretch.ended()


_WAYS = {"ours": run_ours, "duckdb": run_duckdb, "pandas": run_pandas}


def middle(results: Sequence[Result]) -> Result:
    """Return the medians of several rounds, and the largest memory."""
    return Result(
        median(one.seconds for one in results),
        median(one.cpu_seconds for one in results),
        max(one.peak_bytes for one in results),
    )


def report(rows: int, size: int, rounds: dict[str, list[Result]]) -> None:
    """Print the table, and of several rounds how many times as fast ours was in each."""
    results = {way: middle(found) for way, found in rounds.items()}
    ours = results["ours"]
    print(
        f"{rows:,} rows, {size / 1e9:.2f} GB, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':8} {'seconds':>8} {'CPU s':>8} {'rows/s':>12} {'peak MB':>8} {'ours is':>9}")
    for way, one in results.items():
        faster = one.seconds / ours.seconds
        print(
            f"{way:8} {one.seconds:8.1f} {one.cpu_seconds:8.1f} {rows / one.seconds:12,.0f} "
            f"{one.peak_bytes / 1e6:8.0f} {faster:8.2f}x"
        )
    for way, found in rounds.items():
        if way != "ours" and len(found) > 1:
            times = [
                its.seconds / our.seconds for its, our in zip(found, rounds["ours"], strict=True)
            ]
            told = " ".join(f"{one:.2f}" for one in sorted(times))
            print(f"ours to {way} by turns: {told}, median {median(times):.2f}")


def main() -> None:
    """Generate, run, report, clean up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--ways", nargs="*", default=list(_WAYS), choices=list(_WAYS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--way", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        way, path, work = arguments.way
        stretch = _WAYS[way](Path(path), Path(work))
        print(json.dumps({"seconds": stretch.seconds, "cpu": stretch.cpu_seconds}))
        return
    folder = Path(tempfile.mkdtemp(prefix="ingest-benchmark-"))
    try:
        needed = 4 * _BYTES_PER_ROW * arguments.rows
        if shutil.disk_usage(folder).free < needed:
            raise SystemExit(f"{needed / 1e9:.0f} GB of disk are needed in {folder}")
        path = folder / "orders.csv"
        generate(path, arguments.rows)
        rounds: dict[str, list[Result]] = {way: [] for way in arguments.ways}
        for way in arguments.rounds * arguments.ways:
            work = folder / way
            work.mkdir()
            result = measured(way, path, work)
            rounds[way].append(result)
            print(f"{way}: {result.seconds:.1f} s", file=sys.stderr)
            shutil.rmtree(work)
        report(arguments.rows, path.stat().st_size, rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
