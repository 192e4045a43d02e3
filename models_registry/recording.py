"""Writing what gates said: judged by the gates as they are, frozen beside the version."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.principals import Principal
from core.errors import NotFound
from models_registry.errors import IllegalVersionMove
from models_registry.gates import GateSpec, Measurements, decide, is_passed
from models_registry.models import (
    NEXT_VALIDATIONS,
    Gate,
    GateResult,
    ModelVersion,
    Validation,
)
from models_registry.selectors import current_gate_results


@transaction.atomic
def record_validation(
    *, principal: Principal, version: ModelVersion, measurements: Measurements
) -> ModelVersion:
    """Judge a version by its model's enabled gates and keep each result with its threshold.

    The validation passes when every required gate passes, and at least one was there to pass.
    """
    locked = (
        ModelVersion.objects.select_for_update()
        .filter(pk=version.pk, model__project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such model version.")
    measured = replace(measurements, metrics={**locked.metrics, **measurements.metrics})
    gates = list(Gate.objects.filter(model_id=locked.model_id, enabled=True))
    evaluation = uuid.uuid4()
    GateResult.objects.filter(version=locked, is_current=True).update(is_current=False)
    results = [_result(locked, gate, evaluation, measured) for gate in gates]
    GateResult.objects.bulk_create(results)
    move_validation(locked, _validation_of(results))
    audit.record(
        principal=principal,
        action="model_version.validated",
        target=locked,
        summary=f"{sum(result.passed for result in results)} of {len(results)} gates passed",
        changes={"validation": locked.validation, "evaluation": str(evaluation)},
    )
    return locked


@transaction.atomic
def restore_validation(version_id: int) -> None:
    """Let a version whose evaluation came to nothing be what its current gate results say."""
    version = ModelVersion.objects.select_for_update().filter(pk=version_id).first()
    if version is None or version.validation != Validation.RUNNING:
        return
    results = list(current_gate_results(version))
    if not results:
        move_validation(version, Validation.NOT_RUN)
        return
    move_validation(version, _validation_of(results))


def _validation_of(results: Sequence[GateResult]) -> Validation:
    """Return what results say together: incomplete when nothing failed, but something was not measured."""
    if is_passed((result.required, result.passed) for result in results):
        return Validation.PASSED
    failed = [result for result in results if result.required and not result.passed]
    if failed and not any(result.measured for result in failed):
        return Validation.INCOMPLETE
    return Validation.FAILED


def move_validation(version: ModelVersion, to: Validation) -> None:
    """Change a locked version's validation, if its state machine knows the move.

    Raises
    ------
    IllegalVersionMove
        It does not.
    """
    if to not in NEXT_VALIDATIONS[Validation(version.validation)]:
        raise IllegalVersionMove(
            f"The validation of a version cannot go from {version.validation} to {to.value}."
        )
    version.validation = to
    version.save(update_fields=["validation"])


def _result(
    version: ModelVersion, gate: Gate, evaluation: uuid.UUID, measurements: Measurements
) -> GateResult:
    spec = spec_of(gate)
    verdict = decide(spec, measurements)
    return GateResult(
        version=version,
        gate=gate,
        evaluation=evaluation,
        name=spec.name,
        kind=gate.kind,
        metric=gate.metric,
        comparison=gate.comparison,
        threshold=gate.threshold,
        value=verdict.value,
        required=gate.required,
        passed=verdict.passed,
        measured=verdict.measured,
        reason=verdict.reason[:500],
        detail=finite(verdict.detail),
    )


def spec_of(gate: Gate) -> GateSpec:
    """Return a gate's row as the pure condition that it stands for."""
    return GateSpec(
        kind=gate.kind,  # type: ignore[arg-type]  # the choices of the row are the literals
        metric=gate.metric,
        comparison=gate.comparison,  # type: ignore[arg-type]
        threshold=gate.threshold,
    )


def finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that any JSON parser reads: NaN and infinities become None, at any depth."""
    return {str(key): _finite(value) for key, value in values.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return finite(value)
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
