"""Starting to read a source."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts.principals import Principal, system_principal
from datasets.errors import SourceRunUnderWay
from datasets.models import Source, SourceRun
from datasets.selectors.sources import waiting_run
from jobs import services as job_services
from jobs.errors import IdempotencyKeyReused
from jobs.models import Job

JOB_KIND = "collect"


def start(*, principal: Principal, source: Source, idempotency_key: str | None = None) -> Job:
    """Ask for a source to be read; the same key gives the job of the first time.

    Raises
    ------
    SourceRunUnderWay
        It is being read already.
    """
    arguments = {"source": source.pk, "dataset": source.dataset_id}
    if idempotency_key is not None:
        earlier = job_services.find_by_key(
            principal=principal, kind=JOB_KIND, idempotency_key=idempotency_key
        )
        if earlier is not None:
            if earlier.arguments != arguments:
                raise IdempotencyKeyReused(
                    "This Idempotency-Key was sent before with a different request.",
                    field="Idempotency-Key",
                )
            return earlier
    try:
        with transaction.atomic():
            run = SourceRun.objects.create(source=source)
            run.job = job_services.enqueue(
                principal=principal,
                kind=JOB_KIND,
                arguments=arguments,
                idempotency_key=idempotency_key,
                title=f"Collect {source.name} into {source.dataset.name}",
            )
            run.save(update_fields=["job"])
            return run.job
    except IntegrityError as error:
        if waiting_run(source) is None:
            raise
        raise SourceRunUnderWay(f"'{source.name}' is being read just now.") from error


def start_on_schedule(source_id: int) -> Job | None:
    """Read a source that is due; None when it is gone, paused, or being read still."""
    source = (
        Source.objects.select_related("dataset__project").filter(pk=source_id, enabled=True).first()
    )
    if source is None:
        return None
    try:
        return start(principal=system_principal(source.dataset.project), source=source)
    except SourceRunUnderWay:
        return None
