"""Writes of the experiments room: runs and what is logged to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePosixPath

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.blobs import default_store
from core.clock import now
from core.errors import NotFound
from datasets.models import DatasetVersion
from experiments.errors import ArtifactPathRefused, IllegalRunMove, ParamChanged
from experiments.models import (
    NEXT_STATUSES,
    Experiment,
    Metric,
    Param,
    Run,
    RunArtifact,
    RunStatus,
    RunTag,
)
from jobs.models import Job


def get_or_create_experiment(*, principal: Principal, name: str) -> Experiment:
    """Return the project's experiment of this name, made when it does not exist."""
    principal.require(Permission.EDIT)
    experiment, _ = Experiment.objects.get_or_create(project_id=principal.project_id, name=name)
    return experiment


@transaction.atomic
def create_run(
    *,
    principal: Principal,
    experiment: Experiment,
    name: str = "",
    dataset_version: DatasetVersion | None = None,
    job: Job | None = None,
    tags: Mapping[str, str] | None = None,
) -> Run:
    """Create a scheduled run.

    Raises
    ------
    NotFound
        The experiment belongs to another project.
    """
    principal.require(Permission.EDIT)
    if experiment.project_id != principal.project_id:
        raise NotFound("There is no such experiment.")
    run = Run.objects.create(
        experiment=experiment,
        name=name,
        dataset_version=dataset_version,
        job=job,
        created_by_id=principal.user_id,
    )
    for key, value in (tags or {}).items():
        RunTag.objects.create(run=run, key=key, value=value)
    audit.record(principal=principal, action="run.created", target=run, summary=name)
    return run


def move_run(run: Run, to: RunStatus) -> Run:
    """Move a run to another status by compare-and-set.

    Raises
    ------
    IllegalRunMove
        The run is in a status from which it cannot go there.
    """
    moment = now()
    allowed = [old for old, following in NEXT_STATUSES.items() if to in following]
    stamps = {"started_at": moment} if to is RunStatus.RUNNING else {"ended_at": moment}
    changed = Run.objects.filter(pk=run.pk, status__in=allowed).update(status=to, **stamps)
    run.refresh_from_db()
    if not changed:
        raise IllegalRunMove(f"A run that is {run.status} cannot become {to.value}.")
    return run


def log_params(run: Run, params: Mapping[str, object]) -> None:
    """Write parameters; the same value twice is fine, another one is refused.

    Raises
    ------
    ParamChanged
        A parameter has another value already.
    """
    present = dict(run.params.values_list("key", "value"))
    fresh = []
    for key, raw in params.items():
        value = str(raw)
        if key not in present:
            fresh.append(Param(run=run, key=key, value=value))
        elif present[key] != value:
            raise ParamChanged(
                f"The parameter '{key}' was logged as '{present[key]}' before.", field=key
            )
    Param.objects.bulk_create(fresh)


def log_metrics(run: Run, metrics: Mapping[str, float | None], *, step: int = 0) -> None:
    """Write one value for each metric at one step; what is not a number is kept as missing."""
    moment = now()
    Metric.objects.bulk_create(
        Metric(
            run=run,
            key=key,
            value=value if value is not None and math.isfinite(value) else None,
            step=step,
            timestamp=moment,
        )
        for key, value in metrics.items()
    )


def log_artifact(run: Run, *, path: str, data: bytes, content_type: str) -> RunArtifact:
    """Keep a file with the run; a second one of the same path replaces the first.

    Raises
    ------
    ArtifactPathRefused
        The path is absolute, empty, or leads out of the run.
    """
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\\" in path or "\0" in path:
        raise ArtifactPathRefused(f"'{path[:100]}' is not a relative path inside the run.")
    blob = default_store().put_bytes(data)
    artifact, _ = RunArtifact.objects.update_or_create(
        run=run,
        path=str(pure),
        defaults={
            "digest": blob.digest,
            "size_bytes": blob.size_bytes,
            "content_type": content_type,
        },
    )
    return artifact
