"""How long it takes to find one prediction among millions that were logged.

    python -m benchmarks.prediction_lookup --rows 10000000

fills a lake as the shipper does: the same table, schema, partitions and settings, the same appends and, after as many commits as in the
shipper, the same compaction (``serving.execution.shipping``). Only the segments that it would read are left out: rows are made as columns.
They are spread evenly over ``--days`` days, two writers in turn, ten inputs each. Then, in a process of its own, predictions are looked up by
id: through ``find_predictions``, and through ``GET /api/v1/predictions/{id}/`` with a token. *Cold* is after the files of the lake were
dropped from the page cache. At last the questions of the search page.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

PROJECT_SLUG = "bench"
FEATURES = 10
#: As many rows as the shipper puts into a commit when it keeps up with some hundreds of predictions a second.
COMMIT_ROWS = 10_000
LOOK_UPS = 50


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--home", help="keep the lake here, and use what is there already")
    parser.add_argument("--step", choices=["fill", "look"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        _step(options.step, options.rows, options.days)
        return
    with tempfile.TemporaryDirectory(prefix="prediction-lookup-") as scratch:
        home = Path(options.home or scratch)
        os.environ.update(
            MLOPS_HOME=str(home), DJANGO_SETTINGS_MODULE="mlops_site.settings", REDIS_URL=""
        )
        steps = ["look"] if (home / "ids.json").exists() else ["fill", "look"]
        for step in steps:
            command = [sys.executable, "-m", "benchmarks.prediction_lookup", "--step", step]
            command += ["--rows", str(options.rows), "--days", str(options.days)]
            subprocess.run(command, check=True)


def _step(step: str, rows: int, days: int) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    if step == "fill":
        call_command("migrate", verbosity=0)
        fill(rows, days)
    else:
        look()


def fill(rows: int, days: int) -> None:
    """Write the log, and keep a few hundred of its ids."""
    import numpy as np
    from django.contrib.auth.models import User

    from accounts.models import Membership, Project, Role
    from datasets import lake
    from serving.execution import shipping
    from serving.prediction_log.table import PARTITION_BY, SCHEMA
    from serving.selectors.predictions import log_path

    project = Project.objects.create(name="Bench", slug=PROJECT_SLUG)
    user = User.objects.create_superuser("bench", password="bench")
    Membership.objects.create(project=project, user=user, role=Role.ADMIN)
    path = log_path(project.pk)
    lake.ensure_table(path, SCHEMA, partition_by=PARTITION_BY, configuration=shipping.CONFIGURATION)
    rng = np.random.default_rng(1)
    end = datetime.now(UTC).replace(microsecond=0)
    begin_us = round((end - timedelta(days=days)).timestamp() * 1e6)
    gap_us = days * 86_400_000_000 / rows
    kept: list[str] = []
    commits = since = 0
    began = time.perf_counter()
    for first in range(0, rows, COMMIT_ROWS):
        count = min(COMMIT_ROWS, rows - first)
        # Two writers take turns: each has every second of the stretch's rows, in a commit of its own.
        for writer in (0, 1):
            places = np.arange(first + writer, first + count, 2)
            at_us = (begin_us + places * gap_us).astype(np.int64)
            table = _rows(at_us, rng)
            shipping.put(path, table, (f"writer-{writer}", first // COMMIT_ROWS + 1))
            commits, since = commits + 1, since + 1
            kept.append(table["prediction_id"][int(rng.integers(0, len(table)))].as_py())
        if since >= shipping.COMPACT_AFTER_COMMITS:
            since = 0
            shipping.put_together(path)
    seconds = time.perf_counter() - began
    Path(os.environ["MLOPS_HOME"], "ids.json").write_text(json.dumps(kept))
    print(
        f"{rows:,} rows in {days} days, {commits:,} commits, written in {seconds:,.0f} s",
        flush=True,
    )


def _rows(at_us: Any, rng: Any) -> Any:
    """Return rows of the log that were answered at these moments (microseconds since 1970)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from serving.prediction_log.table import SCHEMA

    count = len(at_us)
    moments = pa.array(at_us, pa.timestamp("us", "UTC"))
    likely = rng.random(count).round(6)
    values = [pa.array(rng.normal(size=count).round(4)).cast(pa.string()) for _ in range(FEATURES)]
    parts: list[Any] = []
    for place, value in enumerate(values):
        parts += [("{" if place == 0 else ",") + f'"input_{place}":', value]
    columns: dict[str, Any] = {
        "prediction_id": _ids(at_us // 1000, rng),
        "at": moments,
        "day": pc.strftime(moments, format="%Y-%m-%d"),
        "endpoint_id": rng.integers(1, 6, count),
        "deployment_id": np.full(count, 1),
        "model_version_id": np.full(count, 1),
        "role": ["champion"] * count,
        "token_prefix": ["mls_bench"] * count,
        "features": pc.binary_join_element_wise(*parts, "}", ""),
        "prediction": np.where(likely < 0.5, '"no"', '"yes"'),
        "probabilities": pa.FixedSizeListArray.from_arrays(
            np.column_stack([1 - likely, likely]).reshape(-1), 2
        ).cast(pa.list_(pa.float64())),
        "latency_us": rng.integers(300, 3000, count),
    }
    columns["request_id"] = pc.replace_substring(columns["prediction_id"], "-", "")
    arrays = [
        pa.nulls(count, field.type)
        if field.name not in columns
        else pa.array(columns[field.name], field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _ids(milliseconds: Any, rng: Any) -> Any:
    """Return version 7 UUIDs of these moments, as texts."""
    import numpy as np
    import pyarrow as pa

    raw = np.empty((len(milliseconds), 16), dtype=np.uint8)
    stamp = milliseconds.astype(">u8").view(np.uint8).reshape(-1, 8)
    raw[:, :6] = stamp[:, 2:]
    raw[:, 6:] = rng.integers(0, 256, (len(raw), 10), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x70
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    digits = raw.tobytes().hex()
    whole = [digits[at : at + 32] for at in range(0, len(digits), 32)]
    return pa.array([f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}" for h in whole])


def look() -> None:
    """Measure."""
    import numpy as np
    from django.contrib.auth.models import User
    from django.test import Client

    from accounts.models import Project
    from accounts.services import create_token
    from core.ids import uuid7
    from datasets import lake
    from serving.selectors.predictions import find_predictions, log_path
    from serving.selectors.search import Search, search_log

    home = Path(os.environ["MLOPS_HOME"])
    project = Project.objects.get(slug=PROJECT_SLUG)
    kept: list[str] = json.loads((home / "ids.json").read_text())
    rng = np.random.default_rng(2)
    chosen = [UUID(kept[place]) for place in rng.choice(len(kept), LOOK_UPS, replace=False)]
    recent = [UUID(one) for one in kept[-LOOK_UPS:]]
    unknown = [uuid7(one.int >> 80) for one in chosen]
    table = lake.open_table(log_path(project.pk))
    assert table is not None
    sizes = _sizes(table)
    print(f"{len(sizes)} files, {sum(sizes) / 1e9:.2f} GB, Delta version {table.version()}")
    _, secret = create_token(
        user=User.objects.get(username="bench"), project=project, name="bench", scopes=["read"]
    )
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def find(one: UUID) -> bool:
        return one in find_predictions(project_id=project.pk, prediction_ids=[one])

    def rest(one: UUID) -> bool:
        answer = client.get(f"/api/v1/predictions/{one}/", HTTP_HOST="localhost")
        assert answer.status_code in (200, 404), answer.content
        return answer.status_code == 200

    find(recent[0])  # the imports
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{'':42} {'median':>8} {'95 %':>8} {'worst':>8}  (milliseconds, {LOOK_UPS} each)")
    for name, ids, expected in (
        ("any", chosen, True),
        ("the newest", recent, True),
        ("ids that do not exist", unknown, False),
    ):
        for how, ask in (("find_predictions", find), ("REST", rest)):
            for is_cold in (True, False):
                _tell(
                    f"{how}, {name}, {'cold' if is_cold else 'warm'}",
                    ids,
                    ask,
                    expected,
                    is_cold,
                    home,
                )
    now = datetime.now(UTC)
    hour = {"endpoint_id": 2, "start": now - timedelta(hours=1)}
    request = str(chosen[0]).replace("-", "")
    moment = datetime.fromtimestamp((chosen[0].int >> 80) / 1000, UTC)
    about = {"start": moment - timedelta(minutes=30), "end": moment + timedelta(minutes=30)}
    searches: list[tuple[str, dict[str, Any]]] = [
        ("an endpoint, last hour", hour),
        ("an endpoint, newest", {"endpoint_id": 2}),
        ("a request id, within an hour", {"request_id": request, **about}),
        ("a request id, of the whole log", {"request_id": request}),
        ("an endpoint that has nothing", {"endpoint_id": 99}),
    ]
    for name, wanted in searches:
        search = Search(**wanted)
        for is_cold in (True, False):
            taken = []
            for _ in range(5):
                if is_cold:
                    _forget_files(home)
                began = time.perf_counter()
                page = search_log(project_id=project.pk, search=search, limit=50)
                taken.append(time.perf_counter() - began)
            _line(
                f"search: {name}, {'cold' if is_cold else 'warm'}", taken, f"{len(page.rows)} rows"
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"memory: {before / 1024:,.0f} MiB before, at most {peak / 1024:,.0f} MiB")


def _tell(
    name: str,
    ids: Sequence[UUID],
    ask: Callable[[UUID], bool],
    expected: bool,
    is_cold: bool,
    home: Path,
) -> None:
    taken = []
    for one in ids:
        if is_cold:
            _forget_files(home)
        began = time.perf_counter()
        found = ask(one)
        taken.append(time.perf_counter() - began)
        assert found is expected, one
    _line(name, taken)


def _line(name: str, taken: Sequence[float], more: str = "") -> None:
    ordered = sorted(1000 * one for one in taken)
    middle, high = (
        ordered[len(ordered) // 2],
        ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))],
    )
    print(f"{name:42} {middle:8.0f} {high:8.0f} {ordered[-1]:8.0f}  {more}", flush=True)


def _forget_files(home: Path) -> None:
    """Drop the lake's files from the page cache."""
    for path in (home / "lake").rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def _sizes(table: Any) -> list[int]:
    import pyarrow as pa

    sizes: list[int] = pa.table(table.get_add_actions(flatten=True))["size_bytes"].to_pylist()
    return sizes


if __name__ == "__main__":
    main()
