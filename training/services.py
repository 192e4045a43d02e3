"""Asking for a training run; whatever can be refused is refused before the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import FieldError, Invalid, NotFound
from datasets.models import DatasetVersion, RecipeRevision, Use, VersionStatus
from datasets.schema import Role, Schema
from datasets.selectors import require_use
from experiments import services as experiments
from jobs import services as job_services
from jobs.models import Job
from models_registry import services as registry
from models_registry.decisions import DecisionRule, RuleRefused
from models_registry.models import Task
from models_registry.signatures.signature import Task as TaskName
from training.errors import DataNotReady, FeaturesRefused, NotEnoughRows, TargetRefused
from training.estimators import default_estimator, estimator_named, validated_params
from training.feasibility import check_recipe, chosen_split
from training.limits import FEWEST_ROWS, MOST_CLASSES
from training.models import TrainingRun

#: An integer target with at most this many distinct values is taken for classes.
_MOST_INTEGER_CLASSES = 20
#: Columns of these roles are learnt from only when they are named.
_NO_FEATURES = frozenset({Role.TARGET, Role.IDENTIFIER, Role.SUBJECT_KEY, Role.IGNORED})


@transaction.atomic
def start_training(
    *,
    principal: Principal,
    dataset_version: DatasetVersion,
    model: str,
    target: str | None = None,
    features: Sequence[str] | None = None,
    task: str | None = None,
    estimator: str | None = None,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    holdout_fraction: float = 0.2,
    folds: int = 5,
    recipe: RecipeRevision | None = None,
    split: Mapping[str, Any] | None = None,
    decision: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """Ask for a model to be trained and registered.

    Parameters
    ----------
    model
        Name of the registered model; made when it does not exist.
    target
        The column to be predicted; the one whose role says so, when absent. Anomalies need none: a column of
        true and false (or 1 and 0) that is named says which are known, and is not learnt from.
    features
        Columns to learn from; when absent, all whose role is not target, identifier, subject key or ignored.
    task
        ``classification``, ``regression`` or ``anomaly``; one of the first two by the target's type, when absent.
    estimator
        A key of the catalogue; histogram gradient boosting (an isolation forest for anomalies), when absent.
    seed
        Makes split, folds and estimator repeatable (0 to 2³²-1).
    holdout_fraction
        Share of rows that is kept back for the final test.
    recipe
        Preprocessing that comes before the estimator's own and is fitted on the training rows only.
    split
        ``policy`` (random, stratified, group, time) with ``column`` and ``gap_hours``; by time where the data
        has a timestamp, else by class, when absent.

    decision
        The rule by which the decision threshold is chosen (:class:`~models_registry.decisions.DecisionRule`); none
        for classes, a share of 5 % for anomalies, when absent.

    Raises
    ------
    models_registry.decisions.RuleRefused
        The rule makes no sense, or needs true answers that there are none of.
    DataNotReady, TargetRefused, FeaturesRefused, NotEnoughRows
        The data does not allow it.
    datasets.errors.RecipeRefused, training.errors.SplitRefused
        The recipe does not fit the features, or the rows cannot be split as asked.
    datasets.errors.GrantNotEnough
        Another project shares the data, but not for training.
    training.errors.EstimatorUnknown, training.errors.HyperparameterRefused
        The estimator or a hyper-parameter is not in the catalogue.
    """
    principal.require(Permission.EDIT)
    require_use(principal, dataset_version.dataset, Use.TRAIN, field="dataset_version")
    if idempotency_key is not None:
        earlier = job_services.find_by_key(
            principal=principal, kind="train", idempotency_key=idempotency_key
        )
        if earlier is not None:
            return earlier
    if dataset_version.status != VersionStatus.READY:
        raise DataNotReady(
            f"The dataset version is {dataset_version.status}.", field="dataset_version"
        )
    if not model.strip():
        raise Invalid("Name the registered model.", field="model")
    _check_numbers(seed, holdout_fraction, folds)
    types = {column["name"]: column["type"] for column in dataset_version.schema["columns"]}
    target, chosen_task = _target_and_task(dataset_version, types, target, task)
    if decision:
        _check_rule(dataset_version, chosen_task, target, decision)
    wanted, left_out = _features(dataset_version, types, target, features)
    if (dataset_version.row_count or 0) < FEWEST_ROWS:
        raise NotEnoughRows(
            f"{dataset_version.row_count} rows; at least {FEWEST_ROWS} are needed.",
            field="dataset_version",
        )
    kind = cast("TaskName", chosen_task.value)
    policy = chosen_split(
        dataset_version,
        split,
        target=target,
        is_classification=chosen_task is Task.CLASSIFICATION,
    )
    if recipe is not None:
        if recipe.recipe.project_id != principal.project_id:
            raise NotFound("There is no such recipe.", field="recipe")
        check_recipe(recipe, wanted, types, has_target=chosen_task is not Task.ANOMALY)
    entry = estimator_named(estimator or default_estimator(kind), kind)
    checked = validated_params(entry, params or {})

    registered = registry.get_or_create_model(
        principal=principal,
        name=model.strip(),
        task=chosen_task.value,
        knows_anomalies=chosen_task is Task.ANOMALY and bool(target),
    )
    experiment = experiments.get_or_create_experiment(principal=principal, name=model.strip())
    run = experiments.create_run(
        principal=principal,
        experiment=experiment,
        name=f"{entry.title} on {dataset_version}",
        dataset_version=dataset_version,
        tags=_owner_tag(principal, dataset_version),
    )
    row = TrainingRun.objects.create(
        project_id=principal.project_id,
        run=run,
        dataset_version=dataset_version,
        registered_model=registered,
        target=target,
        features=wanted,
        dropped_columns=left_out,
        task=chosen_task,
        estimator=entry.key,
        params=checked,
        seed=seed,
        holdout_fraction=holdout_fraction,
        folds=folds,
        recipe_revision=recipe,
        split=policy.to_dict() if policy is not None else {},
        decision=dict(decision or {}),
        created_by_id=principal.user_id,
    )
    job = job_services.enqueue(
        principal=principal,
        kind="train",
        arguments={"training_run": row.pk},
        idempotency_key=idempotency_key,
        title=f"Train {registered.name}",
    )
    row.job = job
    row.save(update_fields=["job"])
    run.job = job
    run.save(update_fields=["job"])
    audit.record(principal=principal, action="training_run.asked", target=row, summary=job.title)
    return job


def _owner_tag(principal: Principal, version: DatasetVersion) -> dict[str, str]:
    """Return a remark on the run that says whose data it was, where it was not one's own."""
    owner = version.dataset.project
    return {} if owner.pk == principal.project_id else {"dataset.owner": owner.slug}


def _check_numbers(seed: int, holdout_fraction: float, folds: int) -> None:
    errors = []
    if not 0 <= seed < 2**32:
        errors.append(FieldError("seed", "must lie between 0 and 2³²-1"))
    if not 0.01 <= holdout_fraction <= 0.9:
        errors.append(FieldError("holdout_fraction", "must lie between 0.01 and 0.9"))
    if not 2 <= folds <= 20:
        errors.append(FieldError("folds", "must lie between 2 and 20"))
    if errors:
        raise Invalid(f"{errors[0].field}: {errors[0].message}", errors=errors)


def _distinct(version: DatasetVersion, column: str) -> int | None:
    """Return how many distinct values the profile counted in a column."""
    for profiled in version.profile.get("columns", []):
        if profiled.get("name") == column:
            found = profiled.get("distinct")
            return int(found) if isinstance(found, int) else None
    return None


def _target_and_task(
    version: DatasetVersion, types: Mapping[str, str], target: str | None, task: str | None
) -> tuple[str, Task]:
    """Return what is to be predicted, and how; anomalies have a target only where it is named."""
    if task == Task.ANOMALY:
        _check_known_anomalies(version, types, target or "")
        return target or "", Task.ANOMALY
    named = target or _target_by_role(version)
    return named, _task(version, types, named, task)


def _task(
    version: DatasetVersion, types: Mapping[str, str], target: str, wanted: str | None
) -> Task:
    if target not in types:
        raise TargetRefused(
            f"The data has no column '{target}'; it has {', '.join(list(types)[:20])}.",
            field="target",
        )
    kind = types[target]
    distinct = _distinct(version, target)
    if wanted is not None and wanted not in Task.values:
        raise Invalid(f"Choose among {', '.join(Task.values)}.", field="task")
    if kind == "timestamp":
        raise TargetRefused("A timestamp cannot be a target.", field="target")
    if wanted is None:
        few = distinct is not None and distinct <= _MOST_INTEGER_CLASSES
        is_class = kind in ("string", "boolean") or (kind == "integer" and few)
        task = Task.CLASSIFICATION if is_class else Task.REGRESSION
    else:
        task = Task(wanted)
    if task is Task.REGRESSION and kind in ("string", "boolean"):
        raise TargetRefused(f"A regression cannot learn a {kind} target.", field="target")
    if task is Task.CLASSIFICATION and distinct is not None:
        if distinct < 2:
            raise TargetRefused("The target has one class only.", field="target")
        if distinct > MOST_CLASSES:
            raise TargetRefused(
                f"The target has {distinct:,} distinct values; at most {MOST_CLASSES} classes can be "
                "learnt.",
                field="target",
            )
    return task


def _check_known_anomalies(version: DatasetVersion, types: Mapping[str, str], target: str) -> None:
    """Refuse a column that does not say of rows whether they are anomalies."""
    if not target:
        return
    if target not in types:
        raise TargetRefused(
            f"The data has no column '{target}'; it has {', '.join(list(types)[:20])}.",
            field="target",
        )
    distinct = _distinct(version, target)
    is_flag = types[target] == "boolean" or (
        types[target] == "integer" and (distinct is None or distinct <= 2)
    )
    if not is_flag:
        raise TargetRefused(
            "Whether a row is an anomaly is said by true and false, or 1 and 0; leave the target out where "
            "nobody knows.",
            field="target",
        )


def _check_rule(
    version: DatasetVersion, task: Task, target: str, decision: Mapping[str, Any]
) -> None:
    """Refuse a rule for the decision threshold that cannot be followed."""
    distinct = _distinct(version, target) if task is Task.CLASSIFICATION else None
    rule = DecisionRule.from_dict(decision, task=task.value, class_count=distinct)
    if rule.needs_truth and not target:
        raise RuleRefused(
            f"The rule '{rule.rule}' needs a target that says which rows are anomalies.",
            field="decision.rule",
        )


def _features(
    version: DatasetVersion,
    types: Mapping[str, str],
    target: str,
    wanted: Sequence[str] | None,
) -> tuple[list[str], list[dict[str, str]]]:
    """Return the features, and what was left out of them because of its role."""
    if wanted is None:
        return _features_by_role(version, target)
    unknown = [name for name in wanted if name not in types]
    if unknown:
        raise FeaturesRefused(f"The data has no column '{unknown[0]}'.", field="features")
    if target in wanted:
        raise FeaturesRefused("The target cannot be a feature.", field="features")
    if not wanted:
        raise FeaturesRefused("Name at least one feature.", field="features")
    return list(dict.fromkeys(wanted)), []


def _features_by_role(
    version: DatasetVersion, target: str
) -> tuple[list[str], list[dict[str, str]]]:
    features: list[str] = []
    left_out: list[dict[str, str]] = []
    for column in Schema.from_dict(version.schema):
        if column.name == target:
            continue
        if column.role in _NO_FEATURES:
            reason = f"its role is {column.role.value.replace('_', ' ')}"
            left_out.append({"column": column.name, "reason": reason})
        else:
            features.append(column.name)
    return features, left_out


def _target_by_role(version: DatasetVersion) -> str:
    for column in Schema.from_dict(version.schema):
        if column.role is Role.TARGET:
            return column.name
    raise TargetRefused(
        "Name the column to be predicted, or give one the role of the target in the dataset's schema.",
        field="target",
    )
