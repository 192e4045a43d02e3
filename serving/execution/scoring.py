"""The job that scores all rows of a dataset version.

Stretches of rows are read, scored and kept on disk one by one, a few at the same time. Beside that they are written
to the lake in their order, and once all are there, they become one new dataset version in one commit. An attempt
that dies leaves its finished stretches to the next one, and the commit carries the job's id, so that it happens once.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.conf import settings
from django.db import transaction

from datasets import lake
from datasets.execution.recording import create_ready_version
from datasets.execution.writing import WrittenVersion, write_version
from datasets.models import Use
from datasets.schema import Role, Schema
from datasets.selectors import require_use
from jobs.execution import Conclude, JobContext
from jobs.models import Job, JobStatus
from models_registry.decisions import rule_on
from models_registry.loading import load_version
from models_registry.runtimes import Runtime
from models_registry.signatures import Signature
from models_registry.signatures.batches import missing_inputs, read_rows
from serving.batch_scoring import SHARD_ROWS, AnswerTable, Shard, ShardFolder
from serving.errors import ColumnsDoNotFit
from serving.models import BatchScoring

#: Rows that a runtime is given at once: enough to forget the cost of a call, few enough for the cache.
BATCH_ROWS = 16_384
_SCORING_SHARE = 0.8
_ABANDONED_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Work:
    """Everything that a thread needs to score a stretch."""

    scoring: BatchScoring
    signature: Signature
    runtime: Runtime
    answers: AnswerTable
    folder: ShardFolder
    rows: lake.Stretches
    shards: tuple[Shard, ...]

    def score(self, shard: Shard) -> None:
        """Read a stretch, score it, keep it."""
        self.folder.write(shard, self.answers.schema.to_arrow(), self._answered(shard))

    def _answered(self, shard: Shard) -> Iterator[pa.RecordBatch]:
        first_row = shard.first_row
        for batch in self.rows.batches(first_row, shard.row_count, batch_rows=BATCH_ROWS):
            read = read_rows(self.signature, batch)
            scores = self.runtime.predict(read.columns)
            ruling = rule_on(self.scoring.threshold, None, self.signature, scores)
            yield self.answers.batch(
                batch,
                read,
                scores,
                first_row=first_row,
                decisions=() if ruling is None else ruling.decisions,
            )
            first_row += batch.num_rows


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
    written, refused = _score_and_write(context, work)

    def conclude() -> Mapping[str, Any]:
        return _record(context, scoring, written, rows_refused=refused, folder=work.folder)

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
    answers = AnswerTable.of(
        signature,
        schema.select(kept),
        version_number=version.number,
        decides=scoring.threshold is not None,
    )
    runtime = load_version(version)
    columns = list(dict.fromkeys([*kept, *signature.names]))
    rows = lake.Stretches(scoring.dataset_version, columns)
    stretches = rows.cut(SHARD_ROWS)
    plan = {
        "model_version": version.pk,
        "artifact": version.artifact_digest,
        "runtime": version.runtime,
        "rows": scoring.dataset_version.sha256,
        "columns": [(column.name, column.type.value) for column in answers.schema],
        "threshold": scoring.threshold,
        "stretches": stretches,
    }
    folder = ShardFolder(Path(settings.SCORING_ROOT) / str(context.job_id), plan)
    shards = tuple(Shard(number, *stretch) for number, stretch in enumerate(stretches))
    return _Work(scoring, signature, runtime, answers, folder, rows, shards)


class _Scored:
    """The scored rows in their order, as fast as they come about; some stretches are scored at the same time.

    Attributes
    ----------
    rows_refused
        How many of the rows that passed by have no answer.
    """

    def __init__(self, work: _Work, pool: ThreadPoolExecutor) -> None:
        self._work = work
        self._pool = pool
        self._running = {
            shard.number: pool.submit(work.score, shard)
            for shard in work.shards
            if not work.folder.has(shard)
        }
        self.were_scored_before = len(work.shards) - len(self._running)
        self.rows_refused = 0
        self._read = 0

    @property
    def scored(self) -> int:
        """How many stretches are scored."""
        return self.were_scored_before + sum(one.done() for one in self._running.values())

    @property
    def progress(self) -> float:
        """The share of the work that is done."""
        done = _SCORING_SHARE * self.scored + (1 - _SCORING_SHARE) * self._read
        return done / len(self._work.shards)

    @property
    def was_read(self) -> bool:
        """Whether all rows have passed by."""
        return self._read == len(self._work.shards)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows; waits for those that are not scored yet."""
        self._read = self.rows_refused = 0
        for shard in self._work.shards:
            if shard.number in self._running:
                self._running[shard.number].result()
            for batch in self._work.folder.read(shard):
                problems = batch.column(self._work.answers.problem)
                self.rows_refused += batch.num_rows - problems.null_count
                yield batch
            self._read += 1

    def raise_failure(self) -> None:
        """Raise what made a stretch fail, if one did."""
        for one in self._running.values():
            if one.done() and not one.cancelled():
                one.result()

    def stop(self) -> None:
        """Begin no further stretch, and wait for those that are being scored."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _score_and_write(context: JobContext, work: _Work) -> tuple[WrittenVersion, int]:
    """Score the stretches that are missing, and write all of them to the lake in one commit, once for the job.

    Returns
    -------
    tuple
        What was written, and the number of rows without an answer.
    """
    total = len(work.shards)
    threads = 1 if work.runtime.name == "native" else max(1, settings.SCORING_THREADS)
    with ThreadPoolExecutor(threads, thread_name_prefix="score") as pool:
        scored = _Scored(work, pool)
        if scored.were_scored_before:
            context.log(f"{scored.were_scored_before} of {total} stretches were scored before")

        def tell(fraction: float, stage: str) -> None:
            scored.raise_failure()
            said = "scoring" if scored.scored < total else stage
            share = 0.99 * max(scored.progress, 0.0 if scored.scored < total else fraction)
            context.progress(share, said, f"{scored.scored} of {total} stretches")

        try:
            written = write_version(
                dataset=work.scoring.output_dataset,
                table_or_batches=scored.batches,
                transaction_id=f"batch-scoring:{context.job_id}",
                schema=work.answers.schema,
                progress=tell,
            )
            if not scored.was_read:  # an earlier attempt wrote them, and did not live to tell
                for batch in scored.batches():
                    del batch
        except BaseException:
            scored.stop()
            scored.raise_failure()  # rather than what came of it
            raise
        return written, scored.rows_refused


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
            **({} if scoring.threshold is None else {"threshold": scoring.threshold}),
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
