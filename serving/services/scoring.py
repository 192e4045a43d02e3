"""Asking for all rows of a dataset version to be scored."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import FieldError, NotFound
from datasets.errors import VersionNotReady
from datasets.models import Dataset, DatasetVersion, Use
from datasets.schema import Schema
from datasets.selectors import require_use
from datasets.services import create_dataset
from jobs.errors import IdempotencyKeyReused
from jobs.services import enqueue, find_by_key
from models_registry.decisions import asked_threshold, usual_threshold
from models_registry.models import ModelVersion, VersionStatus
from models_registry.signatures import Signature
from models_registry.signatures.batches import missing_inputs
from serving.errors import ColumnsDoNotFit, ModelNotUsable, OutputRefused
from serving.models import BatchScoring

KIND = "batch_score"


@transaction.atomic
def score_dataset_version(
    *,
    principal: Principal,
    model_version: ModelVersion,
    dataset_version: DatasetVersion,
    output_dataset: str = "",
    keep: str = BatchScoring.Keep.IDENTIFIERS,
    threshold: bool | float | None = None,
    idempotency_key: str | None = None,
) -> BatchScoring:
    """Ask a job to answer all rows of a dataset version; the answers become a new dataset version.

    Parameters
    ----------
    output_dataset
        Name of the dataset that the answers become a version of, made when there is none; absent: one that is
        named after the rows and the model.
    keep
        Which columns of the rows go with the answers.
    threshold
        Decide, too: at this number, or (True) at the version's own, else 1/2 for two classes. None: at the version's
        own where one was chosen for it; False: never.
    idempotency_key
        The same key with the same request gives what was asked for the first time.

    Raises
    ------
    ModelNotUsable
        The model version is not ready.
    VersionNotReady
        The dataset version has no rows (yet).
    ColumnsDoNotFit
        The model takes columns that the rows do not have; each is named.
    ThresholdRefused
        There is nothing to decide, or nothing to decide it by.
    OutputRefused
        Rows that another project shares would end up where its grant does not reach.
    """
    principal.require(Permission.EDIT)
    if model_version.model.project_id != principal.project_id:
        raise NotFound("There is no such model version.", field="model_version")
    require_use(principal, dataset_version.dataset, Use.READ, field="dataset_version")
    if model_version.status != VersionStatus.READY:
        raise ModelNotUsable(f"{model_version} is {model_version.status}.", field="model_version")
    if not dataset_version.has_rows:
        raise VersionNotReady(
            f"{dataset_version} is {dataset_version.status}; it has no rows to score.",
            field="dataset_version",
        )
    _check_columns(model_version, dataset_version)
    decides_at = _threshold(model_version, threshold)
    if idempotency_key is not None:
        earlier = find_by_key(principal=principal, kind=KIND, idempotency_key=idempotency_key)
        found = BatchScoring.objects.filter(job=earlier).first() if earlier is not None else None
        if found is not None:
            return _same(found, model_version, dataset_version, keep, decides_at)
    target = _output(principal, model_version, dataset_version, output_dataset)
    scoring = BatchScoring.objects.create(
        project_id=principal.project_id,
        model_version=model_version,
        dataset_version=dataset_version,
        output_dataset=target,
        keep=keep,
        threshold=decides_at,
        created_by_id=principal.user_id,
    )
    scoring.job = enqueue(
        principal=principal,
        kind=KIND,
        arguments={"batch_scoring": scoring.pk, "dataset_version": dataset_version.pk},
        idempotency_key=idempotency_key,
        title=f"Score {dataset_version} by {model_version}",
    )
    scoring.save(update_fields=["job"])
    audit.record(
        principal=principal,
        action="batch_scoring.asked",
        target=scoring,
        summary=str(scoring),
        changes={"output_dataset": target.name},
    )
    return scoring


def _check_columns(model_version: ModelVersion, dataset_version: DatasetVersion) -> None:
    problems = missing_inputs(
        Signature.from_dict(model_version.signature), Schema.from_dict(dataset_version.schema)
    )
    if problems:
        raise ColumnsDoNotFit(
            f"{dataset_version} does not have the columns that {model_version} takes.",
            errors=[FieldError(f"dataset_version.{name}", why) for name, why in problems.items()],
        )


def _threshold(version: ModelVersion, asked: bool | float | None) -> float | None:
    """Return where decisions are made; None: nowhere."""
    if asked is None:
        asked = version.decision.get("threshold") is not None
    signature = Signature.from_dict(version.signature)
    return asked_threshold(asked, usual_threshold(signature, version.decision), signature)


def _same(
    found: BatchScoring,
    model_version: ModelVersion,
    dataset_version: DatasetVersion,
    keep: str,
    threshold: float | None,
) -> BatchScoring:
    wanted = (model_version.pk, dataset_version.pk, keep, threshold)
    had = (found.model_version_id, found.dataset_version_id, found.keep, found.threshold)
    if had != wanted:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was sent before with a different request.",
            field="Idempotency-Key",
        )
    return found


def _output(
    principal: Principal, model_version: ModelVersion, dataset_version: DatasetVersion, name: str
) -> Dataset:
    """Return where the answers go: a dataset of the caller's project, ruled by the grant that rules the rows."""
    source = dataset_version.dataset
    ruling = source.restricted_by if source.project_id == principal.project_id else source
    wanted = name or f"{source.name[:90]} scored by {model_version.model.name[:90]}"
    found = Dataset.objects.filter(project_id=principal.project_id, name=wanted).first()
    if found is None:
        made = create_dataset(
            principal=principal, name=wanted, description="Rows with what a model says about them."
        )
        if ruling is not None:
            made.restricted_by = ruling
            made.save(update_fields=["restricted_by"])
        return made
    if found.pk == source.pk:
        raise OutputRefused(
            "Answers do not go among the rows they are about.", field="output_dataset"
        )
    if found.restricted_by_id != (None if ruling is None else ruling.pk):
        raise OutputRefused(
            f"'{found.name}' is shared otherwise than the rows that are scored; name another dataset.",
            field="output_dataset",
        )
    return found
