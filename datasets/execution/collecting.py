"""The job that reads a source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pyarrow as pa
from django.db import transaction

from core.clock import now
from core.errors import NotFound
from datasets import lake
from datasets.errors import AppendOvertaken, SourceOvertaken, WatermarkLost
from datasets.execution.checking import check_before_ready
from datasets.execution.declared import reading_schema
from datasets.execution.positions import Position, finish_run, move_source
from datasets.execution.recording import fail_waiting_version, make_ready, waiting_version
from datasets.execution.writing import WrittenVersion, write_version
from datasets.models import (
    BadRows,
    Dataset,
    DatasetVersion,
    RunOutcome,
    Source,
    SourceMode,
    SourceRun,
    VersionStatus,
)
from datasets.selectors import active_schema, is_held_to_active_schema, latest_ready_version
from datasets.selectors.sources import blocked_version
from datasets.sources import (
    Fetched,
    SourceRequest,
    SourceRows,
    Watermark,
    open_rows,
    reader_of,
)
from jobs.execution import Conclude, JobContext
from jobs.models import Job

_FETCHING_SHARE = 0.4
_OPENING_SHARE = 0.5
_WRITTEN_SHARE = 0.9
_NAMED_FILES = 100


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one run has read and written."""

    position: Position
    number: int
    fetched: Fetched
    rows: SourceRows
    written: WrittenVersion
    first_row: int
    through: Watermark | None
    quarantined: Mapping[str, Any]

    @property
    def count(self) -> int:
        """How many rows are new."""
        return self.written.row_count - self.first_row

    def reached(self, version: DatasetVersion) -> Position:
        """Return where the source stands once ``version`` is ready."""
        return Position(self.through, _files(self.fetched), version.pk)


def collect(context: JobContext) -> Conclude:
    """Read what is new at a source, write it to the lake, and pin it as a version.

    The new watermark is read back from the rows that were written, not from those that were fetched: an
    attempt that finds the write of an earlier attempt thus never claims rows that are not in it.
    Position and version are committed together, and only when no other run was first.
    """
    source = (
        Source.objects.select_related("dataset__project")
        .filter(
            pk=context.arguments["source"],
            dataset__project_id=context.principal.project_id,
        )
        .first()
    )
    if source is None:
        raise NotFound("The source is gone.")
    began_at, position = source.position_number, Position.of(source)
    appends = source.mode == SourceMode.APPEND
    parent = _parent(source, position) if appends else None
    if appends and parent is None:
        position = Position(None, {}, None)

    context.progress(0.0, "fetching")
    fetched = reader_of(source.kind).fetch(
        SourceRequest(
            project_id=context.principal.project_id,
            settings=source.settings,
            secrets=source.secrets,
            scratch=context.scratch,
            watermark_column=source.watermark_column,
            after=position.watermark,
            # With a watermark the rows decide what is new, without one the files do.
            seen=_seen(source, position, appends=appends),
            progress=lambda part, stage: context.progress(_FETCHING_SHARE * part, stage),
        )
    )
    rows = _new_rows(context, source, fetched, position, parent)
    if rows is None:
        context.log(f"nothing new at {fetched.address}")
        return lambda: _conclude_without(context, source)

    reading = _write(context, source, began_at, position, parent, fetched, rows)
    context.log(f"{reading.count} rows from {fetched.address}")
    if reading.quarantined:
        context.log(f"{reading.quarantined['quarantined_rows']} rows were put aside")
    version = _checked(context, source, reading)
    return lambda: _conclude(context, source, reading, version)


def _write(
    context: JobContext,
    source: Source,
    began_at: int,
    position: Position,
    parent: DatasetVersion | None,
    fetched: Fetched,
    rows: SourceRows,
) -> _Reading:
    name = _transaction_id(context, parent, fetched, position)
    is_declared = active_schema(source.dataset) is not None

    def batches() -> Iterator[pa.RecordBatch]:
        yield from rows.allowed_batches() if is_declared else rows.batches()
        if rows.bad_rows:  # before any of the others is committed
            lake.put_aside(source.dataset, rows.bad_rows, transaction_id=name)

    written = write_version(
        dataset=source.dataset,
        table_or_batches=batches,
        schema=rows.schema,
        transaction_id=name,
        mode="replace" if parent is None else "append",
        parent=parent,
        notes=lambda: rows.notes,
        progress=lambda part, stage: context.progress(
            _OPENING_SHARE + (_WRITTEN_SHARE - _OPENING_SHARE) * part, stage
        ),
    )
    first_row = 0 if parent is None else int(parent.row_count or 0)
    through = _through(source, written, first_row) or position.watermark
    aside: dict[str, Any] = {}
    if source.on_bad_rows == BadRows.QUARANTINE:
        count = lake.count_put_aside(source.dataset, name)
        aside = {"quarantined_rows": count, lake.QUARANTINE_KEY: name}
    return _Reading(position, began_at, fetched, rows, written, first_row, through, aside)


def _checked(context: JobContext, source: Source, reading: _Reading) -> DatasetVersion | None:
    """Let what was written wait in a version for the dataset's checks; None when there is nothing new in it.

    Where the source will stand is kept with the run first, so that whoever lets a version through that checks hold back
    lets the source go on behind it.

    Raises
    ------
    ChecksFailed
        Checks hold the version back.
    """
    newest = latest_ready_version(source.dataset)
    written = reading.written
    is_whole = written.parent_id is None
    if is_whole and newest is not None and _is_same(newest, written):
        return None
    said = _provenance(source, reading)
    with transaction.atomic():
        locked = Source.objects.select_for_update().filter(pk=source.pk).first()
        _require_not_overtaken(locked, reading)
        version = waiting_version(
            principal=context.principal,
            dataset=source.dataset,
            source=said,
            job_id=context.job_id,
            instead_of=blocked_version(source, sha256=written.sha256),
        )
        run = _locked_run(context, source)
        run.dataset_version, run.rows = version, reading.count
        run.watermark = reading.through.to_dict() if reading.through else {}
        run.held_position = {
            "number": reading.number,
            "position": reading.reached(version).to_dict(),
        }
        run.save()
    check_before_ready(
        version,
        written,
        source=said,
        job_id=context.job_id,
        progress=lambda part, stage: context.progress(
            _WRITTEN_SHARE + (0.99 - _WRITTEN_SHARE) * part, stage
        ),
    )
    return version


def _is_same(newest: DatasetVersion, written: WrittenVersion) -> bool:
    """Whether the newest version has these rows, and held them to the same schema."""
    return newest.sha256 == written.sha256 and is_held_to_active_schema(newest)


def _require_not_overtaken(locked: Source | None, reading: _Reading) -> None:
    if locked is None or locked.position_number != reading.number:
        raise SourceOvertaken(
            "The source was changed, or read by another run, meanwhile. Run it again."
        )


def _parent(source: Source, position: Position) -> DatasetVersion | None:
    """Return the version to append to.

    Raises
    ------
    WatermarkLost
        The version that this source wrote last was put aside: its rows would be missing.
    """
    parent = latest_ready_version(source.dataset)
    if position.version_id is not None and parent is not None:
        last = source.dataset.versions.filter(pk=position.version_id).first()
        if last is None or last.status != VersionStatus.READY:
            raise WatermarkLost(
                f"{last or 'The version'}, which holds the rows read so far, was put aside. "
                "Restore it, or reset the source to read everything again."
            )
    return parent


def _seen(source: Source, position: Position, *, appends: bool) -> Mapping[str, str]:
    if source.watermark_column or not appends:
        return {}
    return position.files


def _new_rows(
    context: JobContext,
    source: Source,
    fetched: Fetched,
    position: Position,
    parent: DatasetVersion | None,
) -> SourceRows | None:
    is_same = bool(fetched.items) and position.files == _files(fetched)
    if is_same and _is_done(source, position):
        return None
    if not fetched.files:
        return None
    rows = open_rows(
        fetched.files,
        scratch=context.scratch,
        options=source.read_options,
        progress=lambda part: context.progress(
            _FETCHING_SHARE + (_OPENING_SHARE - _FETCHING_SHARE) * part, "reading"
        ),
    )
    if rows is None:
        return None
    wanted = reading_schema(rows.schema, active_schema(source.dataset), parent)
    if wanted is not None:
        rows = replace(rows, schema=wanted)
    if source.watermark_column:
        rows = rows.passing(source.watermark_column, position.watermark)
    return None if rows.is_empty else rows


def _is_done(source: Source, position: Position) -> bool:
    """Whether files that have not changed need not be read again.

    They are when the version with their rows was put aside, or the edited schema is another one now.
    """
    if position.version_id is None:
        return False
    last = source.dataset.versions.filter(pk=position.version_id).first()
    if last is None or source.mode == SourceMode.APPEND:
        return last is not None
    return last.status == VersionStatus.READY and is_held_to_active_schema(last)


def _files(fetched: Fetched) -> dict[str, str]:
    return {item.name: item.identity for item in fetched.items}


def _transaction_id(
    context: JobContext, parent: DatasetVersion | None, fetched: Fetched, position: Position
) -> str:
    """Name the write by the job, what it appends to, and what it reads."""
    read = {
        "files": _files(fetched),
        "after": position.watermark.to_dict() if position.watermark else None,
    }
    digest = hashlib.sha256(orjson.dumps(read, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    base = "" if parent is None else f":{parent.delta_version}"
    return f"{context.job_id}{base}:{digest}"


def _through(source: Source, written: WrittenVersion, first_row: int) -> Watermark | None:
    """Return the highest value of the watermark column among the rows that were written."""
    if not source.watermark_column:
        return None
    highest = lake.highest_value(
        lake.dataset_path(source.dataset),
        written.delta_version,
        source.watermark_column,
        from_row=first_row,
    )
    type_ = written.schema.column(source.watermark_column).type
    return None if highest is None else Watermark.of(type_, highest)


def _locked_run(context: JobContext, source: Source) -> SourceRun:
    run, _ = SourceRun.objects.select_for_update().get_or_create(
        job_id=context.job_id, defaults={"source": source}
    )
    return run


def _conclude_without(context: JobContext, source: Source) -> Mapping[str, Any]:
    finish_run(_locked_run(context, source), RunOutcome.NOTHING_NEW, rows=0)
    return {"source": source.pk, "dataset_version": None, "rows": 0}


def _conclude(
    context: JobContext, source: Source, reading: _Reading, version: DatasetVersion | None
) -> Mapping[str, Any]:
    locked = Source.objects.select_for_update().filter(pk=source.pk).first()
    _require_not_overtaken(locked, reading)
    assert locked is not None
    run = _locked_run(context, source)
    outcome, rows = RunOutcome.COLLECTED, reading.count
    if version is None:
        Dataset.objects.select_for_update().get(pk=source.dataset_id)
        newest = latest_ready_version(source.dataset)
        if newest is None or newest.sha256 != reading.written.sha256:
            raise AppendOvertaken(
                "Another version became ready while the rows were being compared with the newest. "
                "Try the job again."
            )
        outcome, rows = RunOutcome.NOTHING_NEW, 0
        move_source(locked, reading.reached(newest))
    else:
        make_ready(
            principal=context.principal,
            version=version,
            written=reading.written,
            source=_provenance(source, reading),
        )
        move_source(locked, reading.reached(version))
    finish_run(
        run,
        outcome,
        rows=rows,
        dataset_version=version,
        watermark=reading.through.to_dict() if reading.through else {},
    )
    return {
        "source": source.pk,
        "dataset": source.dataset_id,
        "dataset_version": None if version is None else version.pk,
        "rows": rows,
    }


def _provenance(source: Source, reading: _Reading) -> dict[str, Any]:
    fetched, after = reading.fetched, reading.position.watermark
    said: dict[str, Any] = {
        **reading.rows.description,
        **reading.quarantined,
        "kind": "source",
        "source": source.pk,
        "name": source.name,
        "reader": source.kind,
        "mode": source.mode,
        "address": fetched.address,
        "rows": reading.count,
    }
    if fetched.items:
        said |= {
            "file_count": len(fetched.files),
            "files": [file.name for file in fetched.files[:_NAMED_FILES]],
        }
    if source.watermark_column:
        said["watermark"] = {
            "column": source.watermark_column,
            "after": after.value if after else None,
            "through": reading.through.value if reading.through else None,
        }
    return said


def collect_failed(job: Job) -> None:
    """Let the run fail with its job, and say why; and so the version that waited for its rows."""
    fail_waiting_version(job)
    SourceRun.objects.filter(job=job, outcome__in=[RunOutcome.WAITING, RunOutcome.FAILED]).update(
        outcome=RunOutcome.FAILED,
        error_code=job.error_code,
        error_message=job.error_message,
        finished_at=now(),
    )
