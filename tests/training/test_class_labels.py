"""Classes keep what they are: whole numbers, text and truth values, also beside missing ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models_registry.runtimes.native import NativeRuntime
from models_registry.signatures import columns_from_records
from training.errors import TargetRefused
from training.execution import TrainingSpec, fit_version

ROWS = 200
LARGE = 2**62


def spec(**changes: Any) -> TrainingSpec:
    given: dict[str, Any] = {
        "target": "answer",
        "features": ("x",),
        "task": "classification",
        "estimator": "logistic",
        "params": {},
        "folds": 3,
        **changes,
    }
    return TrainingSpec(**given)


def table_of(no: Any, yes: Any, *, kind: pa.DataType, missing_every: int = 0) -> pa.Table:
    """Return rows of two classes, yes where x is positive; some targets are missing."""
    x = np.random.default_rng(3).normal(0, 1, ROWS)
    answers = [yes if value > 0 else no for value in x]
    if missing_every:
        answers[::missing_every] = [None] * len(answers[::missing_every])
    return pa.table({"x": x, "answer": pa.array(answers, kind)})


@pytest.mark.parametrize(
    ("no", "yes", "kind", "missing_every"),
    [
        (0, 1, pa.int64(), 0),
        (0, 1, pa.int64(), 9),
        (0.0, 1.0, pa.float64(), 0),
        (2.0, 3.0, pa.float64(), 9),
        (LARGE, LARGE + 1, pa.int64(), 0),
        (LARGE, LARGE + 1, pa.int64(), 9),
    ],
)
def test_whole_numbers_are_classes_whatever_column_they_come_in(
    no: Any, yes: Any, kind: pa.DataType, missing_every: int
) -> None:
    fitted = fit_version(spec(), table_of(no, yes, kind=kind, missing_every=missing_every))
    assert fitted.signature.classes == (int(no), int(yes))
    assert all(type(one) is int for one in fitted.signature.classes)
    assert fitted.metrics["accuracy"] is not None
    assert fitted.metrics["accuracy"] > 0.9
    assert fitted.baseline["accuracy"] is not None
    assert 0.3 < fitted.baseline["accuracy"] < 0.7
    asked = columns_from_records(fitted.signature, [{"x": -2.0}, {"x": 2.0}])
    answers = NativeRuntime(fitted.pipeline, fitted.signature).predict(asked)
    assert answers.labels == [int(no), int(yes)]
    assert set(fitted.reference["answer"].to_pylist()) == {int(no), int(yes)}


def test_fractions_are_no_classes() -> None:
    with pytest.raises(TargetRefused, match=r"1\.5") as refused:
        fit_version(spec(), table_of(0.0, 1.5, kind=pa.float64()))
    assert refused.value.errors[0].field == "target"


def test_whole_numbers_of_held_out_rows_are_the_same_classes() -> None:
    held = table_of(0.0, 1.0, kind=pa.float64(), missing_every=9)
    fitted = fit_version(spec(), table_of(0, 1, kind=pa.int64()), holdout=held)
    assert fitted.signature.classes == (0, 1)
    assert fitted.metrics["accuracy"] is not None


def test_held_out_rows_of_a_class_that_was_not_learnt_are_refused() -> None:
    held = table_of("no", "perhaps", kind=pa.string())
    with pytest.raises(TargetRefused, match="perhaps"):
        fit_version(spec(), table_of("no", "yes", kind=pa.string()), holdout=held)


def test_a_class_that_would_be_tested_but_never_learnt_is_refused_without_a_policy_too() -> None:
    table = table_of("no", "yes", kind=pa.string())
    answers = table["answer"].to_pylist()
    answers[0] = "once"
    table = table.set_column(1, "answer", pa.array(answers))
    refusals, fitted = [], []
    for seed in range(20):
        try:
            fitted.append(fit_version(spec(seed=seed, folds=2), table))
        except TargetRefused as refusal:
            refusals.append(refusal.message)
    assert all("'once' would be tested but never learnt" in one for one in refusals)
    assert all(one.signature.classes == ("no", "once", "yes") for one in fitted)
    assert 0 < len(refusals) < 20
