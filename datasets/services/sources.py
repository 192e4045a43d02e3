"""Sources: make, change, run, look, pause, reset, delete."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings as site
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid, NotFound
from core.sealing import seal
from datasets.errors import NameTaken, SourceRunUnderWay
from datasets.execution.asking import sources as asking
from datasets.models import Dataset, Source, SourceKind
from datasets.previews import shown_rows
from datasets.selectors.sources import waiting_run
from datasets.services.locking import lock_dataset
from datasets.services.source_terms import (
    UNCHANGED,
    SourceTerms,
    Unchanged,
    audited_terms,
    require_watermark,
    secrets_after,
    values_of,
)
from datasets.sources import SourceRequest, Watermark, checked_terms, open_rows, reader_of
from jobs.models import Job
from jobs.schedule import Schedule
from jobs.schedules import keep_schedule, wake_schedule

SCHEDULE_TASK = "datasets.tasks.collect_on_schedule"
LOOK_ROWS = 20
_LOOK_ITEMS = 100


@dataclass(frozen=True, slots=True)
class SourceLook:
    """What a source would read.

    Attributes
    ----------
    items
        The files that it names (the first hundred), with their sizes in bytes.
    rows
        The first rows of what is new, as text-friendly values; empty when nothing is.
    """

    address: str
    item_count: int
    items: list[dict[str, Any]]
    columns: list[dict[str, Any]]
    rows: list[list[Any]]


def create_source(
    *,
    principal: Principal,
    dataset: Dataset,
    kind: str,
    terms: SourceTerms,
    secrets: Mapping[str, str] | None = None,
    schedule: Schedule | None = None,
) -> Source:
    """Give a dataset a source.

    Raises
    ------
    NameTaken
        The dataset has a source of that name.
    Invalid
        A term, setting or secret makes no sense or is not allowed; it is named.
    """
    principal.require(Permission.EDIT)
    terms.check()
    given = {name: value for name, value in (secrets or {}).items() if value}
    if kind not in SourceKind.values:
        raise Invalid(f"Choose one of {', '.join(SourceKind.values)}.", field="kind")
    require_watermark(kind, terms)
    kept = checked_terms(
        kind=kind, project_id=principal.project_id, settings=terms.settings, secrets=given
    )
    with transaction.atomic():
        locked = lock_dataset(principal, dataset)
        source = Source(
            dataset=locked,
            kind=kind,
            sealed_secrets=seal(given),
            created_by_id=principal.user_id,
            **values_of(replace(terms, settings=kept)),
        )
        _save_named(source)
        _store_schedule(source, schedule)
        audit.record(
            principal=principal,
            action="source.created",
            target=source,
            summary=f"{locked.name}: {source.name}",
            changes={"kind": kind, **audited_terms(source), "secrets": sorted(given)},
        )
    return source


def change_source(
    *,
    principal: Principal,
    source: Source,
    terms: SourceTerms,
    secrets: Mapping[str, str] | None = None,
    schedule: Schedule | Unchanged | None = UNCHANGED,
) -> Source:
    """Replace what a source says; ``None`` as schedule means that none is wanted any more.

    Parameters
    ----------
    secrets
        Those to be replaced; an empty text removes one. What is absent stays, unless a setting changes
        that says who gets to see them: then they must be entered again.

    Raises
    ------
    NameTaken, Invalid
        As :func:`create_source`.
    """
    principal.require(Permission.EDIT)
    terms.check()
    with transaction.atomic():
        locked = _lock(principal, source)
        require_watermark(locked.kind, terms)
        before = audited_terms(locked)
        entered = dict(secrets or {})
        kept = checked_terms(
            kind=locked.kind,
            project_id=principal.project_id,
            settings=terms.settings,
            secrets=secrets_after(locked, terms.settings, entered),
        )
        if entered:
            locked.sealed_secrets = seal(secrets_after(locked, terms.settings, entered))
        reads_otherwise = (locked.mode, locked.watermark_column) != (
            terms.mode,
            terms.watermark_column,
        )
        for name, value in values_of(replace(terms, settings=kept)).items():
            setattr(locked, name, value)
        if reads_otherwise:
            _forget_position(locked)
        _save_named(locked)
        if isinstance(schedule, Unchanged):
            wake_schedule(locked.schedule, enabled=locked.enabled)
        else:
            _store_schedule(locked, schedule)
        after = audited_terms(locked)
        changes: dict[str, Any] = {
            name: [before[name], after[name]] for name in after if before[name] != after[name]
        }
        if entered:
            changes["secrets"] = sorted(entered)
        audit.record(
            principal=principal,
            action="source.changed",
            target=locked,
            summary=f"{locked.dataset.name}: {locked.name}",
            changes=changes,
        )
    return locked


def delete_source(*, principal: Principal, source: Source) -> None:
    """Delete a source with its schedule and the list of its runs; the versions that it made stay.

    Raises
    ------
    SourceRunUnderWay
        It is being read.
    """
    principal.require(Permission.EDIT)
    with transaction.atomic():
        locked = _lock(principal, source)
        _require_idle(locked)
        audit.record(
            principal=principal,
            action="source.deleted",
            target=locked,
            summary=f"{locked.dataset.name}: {locked.name}",
        )
        _store_schedule(locked, None)
        locked.delete()


def run_source(*, principal: Principal, source: Source, idempotency_key: str | None = None) -> Job:
    """Read a source now; a paused one can still be read by hand.

    Raises
    ------
    SourceRunUnderWay
        It is being read already.
    jobs.errors.IdempotencyKeyReused
        The key came before for another source.
    """
    principal.require(Permission.EDIT)
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= 200:
        raise Invalid("A key has 1 to 200 characters.", field="Idempotency-Key")
    return asking.start(
        principal=principal, source=_own(principal, source), idempotency_key=idempotency_key
    )


def set_source_enabled(*, principal: Principal, source: Source, enabled: bool) -> Source:
    """Pause a source's schedule, or resume it."""
    principal.require(Permission.EDIT)
    with transaction.atomic():
        locked = _lock(principal, source)
        if locked.enabled != enabled:
            locked.enabled = enabled
            locked.save(update_fields=["enabled"])
            wake_schedule(locked.schedule, enabled=enabled)
            audit.record(
                principal=principal,
                action="source.resumed" if enabled else "source.paused",
                target=locked,
                summary=f"{locked.dataset.name}: {locked.name}",
            )
    return locked


def reset_source(*, principal: Principal, source: Source) -> Source:
    """Forget how far a source has been read: the next run reads everything.

    Raises
    ------
    SourceRunUnderWay
        It is being read.
    """
    principal.require(Permission.EDIT)
    with transaction.atomic():
        locked = _lock(principal, source)
        _require_idle(locked)
        before = locked.position.get("watermark")
        _forget_position(locked)
        locked.save(update_fields=["position", "position_number"])
        audit.record(
            principal=principal,
            action="source.reset",
            target=locked,
            summary=f"{locked.dataset.name}: {locked.name}",
            changes={"watermark": [before, None]},
        )
    return locked


def check_source(*, principal: Principal, source: Source) -> SourceLook:
    """Look at what a source would read now, without writing anything.

    Raises
    ------
    DomainError
        It cannot be reached, is not allowed, or cannot be read.
    """
    principal.require(Permission.EDIT)
    own = _own(principal, source)
    watermark = own.position.get("watermark")
    reader = reader_of(own.kind)
    checked_terms(
        kind=own.kind, project_id=principal.project_id, settings=own.settings, secrets=own.secrets
    )
    Path(site.SCRATCH_ROOT).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="look-", dir=site.SCRATCH_ROOT) as scratch:
        fetched = reader.fetch(
            SourceRequest(
                project_id=principal.project_id,
                settings=own.settings,
                secrets=own.secrets,
                scratch=Path(scratch),
                watermark_column=own.watermark_column,
                after=Watermark.from_dict(watermark) if watermark else None,
                first_rows=LOOK_ROWS,
            )
        )
        rows = open_rows(fetched.files, scratch=Path(scratch), options=own.read_options)
        if rows is not None and own.watermark_column:
            rows = rows.passing(
                own.watermark_column, Watermark.from_dict(watermark) if watermark else None
            )
        batch = next(rows.batches(), None) if rows is not None else None
        shown = [] if batch is None else shown_rows(batch.slice(0, LOOK_ROWS))
    return SourceLook(
        address=fetched.address,
        item_count=len(fetched.items),
        items=[
            {"name": item.name, "size_bytes": item.size_bytes}
            for item in fetched.items[:_LOOK_ITEMS]
        ],
        columns=[]
        if rows is None
        else [{"name": one.name, "type": one.type.value} for one in rows.schema],
        rows=shown,
    )


def _forget_position(source: Source) -> None:
    source.position = {}
    source.position_number += 1


def _save_named(source: Source) -> None:
    try:
        with transaction.atomic():
            source.save()
    except IntegrityError as error:
        raise NameTaken(
            f"The dataset has a source named {source.name!r} already.", field="name"
        ) from error


def _own(principal: Principal, source: Source) -> Source:
    own = (
        Source.objects.select_related("dataset")
        .filter(pk=source.pk, dataset__project_id=principal.project_id)
        .first()
    )
    if own is None:
        raise NotFound("There is no such source.")
    return own


def _lock(principal: Principal, source: Source) -> Source:
    locked = (
        Source.objects.select_for_update(of=("self",))
        .select_related("dataset", "schedule__crontab", "schedule__interval")
        .filter(pk=source.pk, dataset__project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such source.")
    return locked


def _require_idle(source: Source) -> None:
    if waiting_run(source) is not None:
        raise SourceRunUnderWay(f"'{source.name}' is being read just now. Cancel its job first.")


def _store_schedule(source: Source, schedule: Schedule | None) -> None:
    """Let the source's row of django-celery-beat say what ``schedule`` says."""
    keep_schedule(
        source,
        schedule,
        name=f"collect {source.name[:120]} (source {source.pk})",
        task=SCHEDULE_TASK,
        arguments=[source.pk],
        queue="default",
        enabled=source.enabled,
        description=f"Reads the source '{source.name}' into '{source.dataset.name}'.",
    )
