"""Gates: measured first, decided afterwards; frozen beside the version."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditEvent, Role
from accounts.principals import Principal
from core.errors import NotFound
from models_registry import services
from models_registry.errors import GateExists, GateRefused
from models_registry.gates import (
    DEFAULT_GATES,
    DIRECTIONS,
    GATES_OF_KNOWN_ANOMALIES,
    HIGHER_IS_BETTER,
    Difference,
    GateSpec,
    Measurements,
    decide,
    is_passed,
)
from models_registry.gates.measuring import measure_difference, own_answers
from models_registry.models import Gate, GateResult, RegisteredModel, Validation
from models_registry.runtimes import Scores
from models_registry.runtimes.native import NativeRuntime
from models_registry.signatures import Signature
from tests.models_registry.conftest import MakeVersion
from tests.models_registry.fitting import fit

SAME = Difference(0.0, 0, 100)


def measured(
    metrics: dict[str, Any] | None = None,
    baseline: dict[str, Any] | None = None,
    wire: Difference = SAME,
    reload: Difference = SAME,
) -> Measurements:
    return Measurements(metrics or {}, baseline or {}, wire, reload)


@pytest.mark.parametrize(
    ("comparison", "threshold", "value", "passed"),
    [
        ("gte", 0.8, 0.8, True),
        ("gte", 0.8, 0.7999, False),
        ("gte", 0.3, 0.1 + 0.2, True),
        ("gte", 0.1 + 0.2, 0.3, True),
        ("lte", 0.5, 0.5, True),
        ("lte", 0.5, 0.5001, False),
        ("lte", 0.3, 0.1 + 0.2, True),
        ("gte", 0.8, None, False),
        ("gte", 0.8, math.nan, False),
        ("lte", 0.8, math.nan, False),
        ("gte", 0.8, math.inf, False),
        ("gte", 0.8, True, False),
        ("gte", 0.8, "0.9", False),
        ("gte", 0.8, np.float64(0.9), True),
    ],
)
def test_a_metric_meets_its_bound_or_not(
    comparison: Any, threshold: float, value: Any, passed: bool
) -> None:
    spec = GateSpec("metric", "f1", comparison, threshold)
    verdict = decide(spec, measured({"f1": value}))
    assert verdict.passed is passed
    assert verdict.reason


def test_a_metric_that_was_not_measured_does_not_pass() -> None:
    verdict = decide(GateSpec("metric", "f1", "lte", 1e9), measured())
    assert (verdict.passed, verdict.value) == (False, None)
    assert "not measured" in verdict.reason


@pytest.mark.parametrize(
    ("metric", "value", "naive", "margin", "passed"),
    [
        ("roc_auc", 0.8, 0.5, 0.0, True),
        ("roc_auc", 0.5, 0.5, 0.0, False),
        ("roc_auc", 0.9, 0.8, 0.1, True),  # 0.9 - 0.8 is a little less than 0.1 in binary
        ("roc_auc", 0.85, 0.8, 0.1, False),
        ("log_loss", 0.3, 0.6, 0.0, True),
        ("log_loss", 0.6, 0.3, 0.0, False),
        ("log_loss", 0.6, 0.6, 0.0, False),
        ("log_loss", None, 0.6, 0.0, False),
        ("log_loss", 0.3, None, 0.0, False),
    ],
)
def test_better_than_naive_goes_by_the_direction_of_the_metric(
    metric: str, value: float | None, naive: float | None, margin: float, passed: bool
) -> None:
    for comparison in ("gte", "lte"):
        spec = GateSpec("baseline", metric, comparison, margin)
        assert decide(spec, measured({metric: value}, {metric: naive})).passed is passed


@pytest.mark.parametrize(
    ("difference", "passed", "said"),
    [
        (Difference(0.0, 0, 10), True, "on 10 rows"),
        (Difference(1e-5, 0, 10), True, "1e-05"),
        (Difference(1.1e-5, 0, 10), False, "largest difference"),
        (Difference(0.0, 1, 10), False, "1 with another label"),
        (Difference(None, obstacle="it broke"), False, "it broke"),
        (Difference(0.0, 0, 10, obstacle="but"), False, "but"),
        (Difference(None), False, "nothing was compared"),
    ],
)
@pytest.mark.parametrize("kind", ["wire_parity", "serialization"])
def test_answers_must_be_the_same(
    kind: Any, difference: Difference, passed: bool, said: str
) -> None:
    spec = GateSpec(kind, comparison="lte", threshold=1e-5)
    other = Difference(None)
    both = (difference, other) if kind == "wire_parity" else (other, difference)
    verdict = decide(spec, measured(wire=both[0], reload=both[1]))
    assert verdict.passed is passed
    assert said in verdict.reason


@given(
    st.sampled_from(["metric", "baseline"]),
    st.sampled_from(sorted(HIGHER_IS_BETTER)),
    st.sampled_from(["gte", "lte"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.floats(),
    st.none() | st.floats(),
)
def test_no_measurement_breaks_a_gate(
    kind: Any, metric: str, comparison: Any, threshold: float, value: Any, naive: Any
) -> None:
    verdict = decide(
        GateSpec(kind, metric, comparison, threshold), measured({metric: value}, {metric: naive})
    )
    assert isinstance(verdict.passed, bool)
    assert verdict.value is None or math.isfinite(verdict.value)
    if value is None or not math.isfinite(value):
        assert not verdict.passed


def test_all_required_gates_must_pass_and_one_must_be_there() -> None:
    assert is_passed([(True, True), (False, False)])
    assert not is_passed([(True, True), (True, False)])
    assert not is_passed([(False, True)])
    assert not is_passed([])


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (GateSpec("metric"), "metric"),
        (GateSpec("baseline"), "metric"),
        (GateSpec("wire_parity", "f1"), "metric"),
        (GateSpec("baseline", "charm"), "metric"),
        (GateSpec("metric", "f1", "gte", math.nan), "threshold"),
        (GateSpec("metric", "f1", "gte", math.inf), "threshold"),
        (GateSpec("baseline", "f1", "gte", -0.1), "threshold"),
        (GateSpec("serialization", "", "lte", -1e-9), "threshold"),
    ],
)
def test_a_condition_without_sense_says_which_part(spec: GateSpec, field: str) -> None:
    assert [problem.field for problem in spec.problems()] == [field]


@pytest.mark.parametrize("task", DEFAULT_GATES)
def test_the_gates_of_a_new_model_make_sense(task: str) -> None:
    specs = [*DEFAULT_GATES[task], *(GATES_OF_KNOWN_ANOMALIES if task == "anomaly" else ())]
    assert len({spec.name for spec in specs}) == len(specs) >= 4
    for spec in specs:
        assert spec.problems() == ()
        assert not spec.metric or spec.metric in DIRECTIONS[task]
    assert {spec.kind for spec in specs} == {"metric", "baseline", "wire_parity", "serialization"}


# --- measuring


def test_a_model_that_fails_has_failed_its_gate() -> None:
    def broken() -> Scores:
        raise ZeroDivisionError("division by zero")

    fine = Scores([1.0], None)
    found = measure_difference(lambda: fine, broken)
    assert found.largest is None
    assert "division by zero" in found.obstacle
    assert not decide(GateSpec("wire_parity", threshold=1.0), measured(wire=found)).passed


def test_nothing_compared_and_no_number_are_obstacles() -> None:
    nothing, nan = Scores([], None), Scores([math.nan], None)
    assert "no rows" in measure_difference(lambda: nothing, lambda: nothing).obstacle
    assert "not a number" in measure_difference(lambda: nan, lambda: nan).obstacle
    short = measure_difference(lambda: Scores([1.0, 2.0], None), lambda: Scores([1.0], None))
    assert short.largest is None or short.largest > 0


def test_a_signature_that_names_the_classes_in_another_order_shows() -> None:
    one = fit("logistic", "binary")
    turned = Signature(one.signature.inputs, "classification", ("yes", "no"))
    rows = one.held_out
    found = measure_difference(
        lambda: own_answers(one.pipeline, one.signature, rows),
        lambda: NativeRuntime(one.pipeline, turned).predict(rows),
    )
    assert found.mismatches > 0


# --- rows: recorded, frozen, edited


def test_a_failed_gate_fails_the_version_and_says_why(make_version: MakeVersion) -> None:
    version = make_version(metrics={"roc_auc": 0.55})
    assert version.validation == Validation.FAILED
    results = {result.name: result for result in version.gate_results.all()}
    assert len(results) == 4
    failed = results["roc_auc ≥ 0.6"]
    assert (failed.passed, failed.value, failed.threshold) == (False, 0.55, 0.6)
    assert failed.reason == "roc_auc is 0.55"
    assert all(result.passed for name, result in results.items() if name != failed.name)


def test_an_optional_gate_only_warns(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    gate = model.gates.get(metric="roc_auc")
    services.change_gate(principal=principal, gate=gate, required=False)
    version = make_version(metrics={"roc_auc": 0.55})
    assert version.validation == Validation.PASSED
    warned = version.gate_results.get(metric="roc_auc")
    assert (warned.passed, warned.required) == (False, False)


def test_a_disabled_gate_is_not_asked(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    for gate in model.gates.all():
        services.change_gate(principal=principal, gate=gate, enabled=False)
    version = make_version()
    assert version.gate_results.count() == 0
    assert version.validation == Validation.FAILED  # nothing was shown


def test_thresholds_are_frozen_in_the_results(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    version = make_version()
    gate = model.gates.get(metric="roc_auc")
    services.change_gate(principal=principal, gate=gate, threshold=0.999)
    result = version.gate_results.get(metric="roc_auc")
    assert (result.threshold, result.passed) == (0.6, True)
    services.remove_gate(principal=principal, gate=gate)
    result.refresh_from_db()
    assert (result.gate, result.name) == (None, "roc_auc ≥ 0.6")


def test_only_the_latest_evaluation_is_current(
    make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version(metrics={"roc_auc": 0.5})
    again = services.record_validation(
        principal=principal,
        version=version,
        measurements=measured({"roc_auc": 0.9, "log_loss": 0.1}, {"log_loss": 0.7}),
    )
    assert again.validation == Validation.PASSED
    assert version.gate_results.count() == 8
    current = version.gate_results.filter(is_current=True)
    assert current.count() == 4
    assert len(set(current.values_list("evaluation", flat=True))) == 1


def test_what_is_measured_is_stored_as_json_whatever_it_is(
    make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version()
    services.record_validation(
        principal=principal,
        version=version,
        measurements=measured({"roc_auc": math.nan, "log_loss": -math.inf}, {"log_loss": math.inf}),
    )
    assert not GateResult.objects.filter(is_current=True, metric="roc_auc", passed=True).exists()


def test_gates_are_added_changed_and_removed_with_a_trail(
    model: RegisteredModel, principal: Principal
) -> None:
    gate = services.add_gate(
        principal=principal, model=model, kind="metric", metric="f1", threshold=0.7
    )
    services.change_gate(principal=principal, gate=gate, threshold=0.75, required=False)
    services.change_gate(principal=principal, gate=gate, threshold=0.75)  # no change, no event
    services.remove_gate(principal=principal, gate=gate)
    events = list(AuditEvent.objects.filter(action__startswith="gate.").order_by("pk"))
    assert [event.action for event in events] == ["gate.added", "gate.changed", "gate.removed"]
    assert events[1].changes == {"threshold": [0.7, 0.75], "required": [True, False]}
    assert not Gate.objects.filter(pk=gate.pk).exists()


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ({"kind": "metric", "metric": ""}, "metric"),
        ({"kind": "metric", "metric": "r2"}, "metric"),
        ({"kind": "metric", "metric": "charm"}, "metric"),
        ({"kind": "baseline", "metric": "cv_f1"}, "metric"),
        ({"kind": "wire_parity", "metric": "f1"}, "metric"),
        ({"kind": "metric", "metric": "f1", "threshold": math.inf}, "threshold"),
    ],
)
def test_a_gate_that_makes_no_sense_for_the_model_is_refused(
    condition: dict[str, Any],
    field: str,
    model: RegisteredModel,
    make_version: MakeVersion,
    principal: Principal,
) -> None:
    make_version()
    with pytest.raises(GateRefused) as refused:
        services.add_gate(principal=principal, model=model, **condition)
    assert [item.field for item in refused.value.errors] == [field]


def test_a_change_that_makes_no_sense_is_refused(
    model: RegisteredModel, principal: Principal
) -> None:
    gate = model.gates.get(kind="wire_parity")
    with pytest.raises(GateRefused):
        services.change_gate(principal=principal, gate=gate, threshold=-1.0)
    gate.refresh_from_db()
    assert gate.threshold == 1e-5


def test_no_condition_stands_twice(model: RegisteredModel, principal: Principal) -> None:
    with pytest.raises(GateExists):
        services.add_gate(
            principal=principal, model=model, kind="metric", metric="roc_auc", threshold=0.9
        )
    other = services.add_gate(principal=principal, model=model, kind="metric", metric="f1")
    with pytest.raises(GateExists):
        services.change_gate(principal=principal, gate=other, metric="roc_auc")


def test_gates_of_another_project_are_not_found(
    model: RegisteredModel, outsider: Principal, principal_as: Callable[[Role], Principal]
) -> None:
    gate = model.gates.all()[0]
    for attempt in (
        lambda: services.add_gate(principal=outsider, model=model, kind="metric", metric="f1"),
        lambda: services.change_gate(principal=outsider, gate=gate, threshold=0.0),
        lambda: services.remove_gate(principal=outsider, gate=gate),
    ):
        with pytest.raises(NotFound):
            attempt()
