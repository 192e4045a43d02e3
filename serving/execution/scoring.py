"""The job that scores all rows of a dataset version.

Stretches of rows are read, scored and kept on disk one by one, a few at the same time; once all are there, they
become one new dataset version in one commit to the lake. An attempt that dies leaves its finished stretches to
the next one, and the commit carries the job's id, so that it happens once.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.conf import settings
from django.db import transaction

from datasets import lake
from datasets.execution import WrittenVersion, create_ready_version, write_version
from datasets.models import Use
from datasets.schema import Role, Schema
from datasets.selectors import require_use
from jobs.execution import Conclude, JobContext
from jobs.models import Job, JobStatus
from models_registry.loading import load_version
from models_registry.runtimes import Runtime
from models_registry.signatures import Signature, missing_inputs, read_rows
from serving.batch_scoring import (
    AnswerTable,
    Shard,
    ShardFolder,
    shards_of,
)
from serving.errors import ColumnsDoNotFit
from serving.models import BatchScoring

#: Rows that a runtime is given at once: enough to forget the cost of a call, few enough for the cache.
BATCH_ROWS = 16_384
_SCORING_SHARE = 0.8
_ABANDONED_SECONDS = 7 * 24 * 3600.0
_TELL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Work:
    """Everything that a thread needs to score a stretch."""

    scoring: BatchScoring
    signature: Signature
    runtime: Runtime
    answers: AnswerTable
    folder: ShardFolder
    columns: tuple[str, ...]

    def score(self, shard: Shard) -> None:
        """Read a stretch, score it, keep it."""
        rows = lake.read_stretch(
            self.scoring.dataset_version,
            self.columns,
            first_row=shard.first_row,
            row_count=shard.row_count,
        )
        done: list[pa.RecordBatch] = []
        first_row = shard.first_row
        for batch in rows.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
            read = read_rows(self.signature, batch)
            scores = self.runtime.predict(read.columns)
            done.append(self.answers.batch(batch, read, scores, first_row=first_row))
            first_row += batch.num_rows
        self.folder.write(shard, pa.Table.from_batches(done))


def score_batch(context: JobContext) -> Conclude:
    """Score all rows of a dataset version.

    Job arguments: ``batch_scoring`` (id) and ``dataset_version`` (id). Result: ``batch_scoring``,
    ``dataset_version`` (of the answers), ``rows`` and ``rows_refused``.
    """
    _sweep(Path(settings.SCORING_ROOT))
    scoring = BatchScoring.objects.select_related(
        "model_version__model", "dataset_version__dataset", "output_dataset"
    ).get(pk=context.arguments["batch_scoring"])
    require_use(context.principal, scoring.dataset_version.dataset, Use.READ)
    context.progress(0.01, "loading the model")
    work = _prepare(scoring, context)
    shards = shards_of(scoring.dataset_version.row_count or 0)
    missing = [shard for shard in shards if not work.folder.has(shard)]
    if len(missing) < len(shards):
        context.log(f"{len(shards) - len(missing)} of {len(shards)} stretches were scored before")
    _score_all(context, work, missing, total=len(shards))
    counted = _Refused(work.answers.problem)
    written = _write(context, work, shards, counted)

    def conclude() -> Mapping[str, Any]:
        return _record(context, scoring, written, rows_refused=counted.rows, folder=work.folder)

    return conclude


def score_batch_failed(job: Job) -> None:
    """Throw the shards of a cancelled job away; those of a failed one wait a while for another try."""
    if job.status == JobStatus.CANCELLED:
        shutil.rmtree(Path(settings.SCORING_ROOT) / str(job.pk), ignore_errors=True)


def _prepare(scoring: BatchScoring, context: JobContext) -> _Work:
    version = scoring.model_version
    signature = Signature.from_dict(version.signature)
    schema = Schema.from_dict(scoring.dataset_version.schema)
    problems = missing_inputs(signature, schema)
    if problems:
        raise ColumnsDoNotFit(" ".join(f"'{name}': {why}" for name, why in problems.items()))
    keeps_all = scoring.keep == BatchScoring.Keep.ALL
    kept = [c.name for c in schema if keeps_all or c.role is Role.IDENTIFIER]
    answers = AnswerTable.of(signature, schema.select(kept), version_number=version.number)
    runtime = load_version(version)
    plan = {
        "model_version": version.pk,
        "artifact": version.artifact_digest,
        "runtime": version.runtime,
        "rows": scoring.dataset_version.sha256,
        "columns": [(column.name, column.type.value) for column in answers.schema],
    }
    folder = ShardFolder(Path(settings.SCORING_ROOT) / str(context.job_id), plan)
    columns = tuple(dict.fromkeys([*kept, *signature.names]))
    return _Work(scoring, signature, runtime, answers, folder, columns)


def _score_all(context: JobContext, work: _Work, missing: list[Shard], *, total: int) -> None:
    """Score the stretches that are missing, as many at once as there are threads."""
    threads = 1 if work.runtime.name == "native" else max(1, settings.SCORING_THREADS)
    done = total - len(missing)
    waiting = iter(missing)
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(threads, thread_name_prefix="score") as pool:
        try:
            while True:
                while len(running) < threads and (shard := next(waiting, None)) is not None:
                    running.add(pool.submit(work.score, shard))
                if not running:
                    return
                finished, running = wait(running, _TELL_SECONDS, return_when=FIRST_COMPLETED)
                for one in finished:
                    one.result()
                done += len(finished)
                said = f"{done} of {total} stretches"
                context.progress(_SCORING_SHARE * done / total, "scoring", said)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class _Refused:
    """Counts the rows without an answer while they pass by."""

    def __init__(self, column: str) -> None:
        self._column = column
        self.rows = 0

    def count(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows - batch.column(self._column).null_count


def _write(
    context: JobContext, work: _Work, shards: list[Shard], refused: _Refused
) -> WrittenVersion:
    """Write all stretches to the lake in one commit, once for the job."""
    read = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal read
        read, refused.rows = 0, 0
        for shard in shards:
            for batch in work.folder.read(shard):
                refused.count(batch)
                yield batch
            read += 1

    def tell(fraction: float, stage: str) -> None:
        share = max(fraction, read / len(shards))
        context.progress(_SCORING_SHARE + (0.99 - _SCORING_SHARE) * share, stage)

    written = write_version(
        dataset=work.scoring.output_dataset,
        table_or_batches=batches,
        transaction_id=f"batch-scoring:{context.job_id}",
        schema=work.answers.schema,
        progress=tell,
    )
    if not read:  # an earlier attempt wrote them, and did not live to tell
        for batch in batches():
            del batch
    return written


def _record(
    context: JobContext,
    scoring: BatchScoring,
    written: WrittenVersion,
    *,
    rows_refused: int,
    folder: ShardFolder,
) -> Mapping[str, Any]:
    model, version = scoring.model_version, scoring.dataset_version
    made = create_ready_version(
        principal=context.principal,
        dataset=scoring.output_dataset,
        written=written,
        parent=None,
        source={
            "kind": "batch_scoring",
            "batch_scoring": scoring.pk,
            "model_version": model.pk,
            "model": model.model.name,
            "model_version_number": model.number,
            "artifact_sha256": model.artifact_digest,
            "input_version": version.pk,
            "input": str(version),
            "input_sha256": version.sha256,
            "rows_refused": rows_refused,
        },
        job_id=context.job_id,
    )
    BatchScoring.objects.filter(pk=scoring.pk).update(
        output_version=made, rows_refused=rows_refused
    )
    transaction.on_commit(folder.remove)
    return {
        "batch_scoring": scoring.pk,
        "dataset_version": made.pk,
        "rows": written.row_count,
        "rows_refused": rows_refused,
    }


def _sweep(root: Path) -> None:
    """Remove what jobs left behind that nobody tried again for a week."""
    if not root.is_dir():
        return
    oldest = time.time() - _ABANDONED_SECONDS
    for folder in root.iterdir():
        if folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)
