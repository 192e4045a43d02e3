"""A rule for the decision threshold, followed while a model is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models_registry.decisions import RuleRefused
from training.execution import TrainingSpec, fit_version


def table_of(classes: int = 2, rows: int = 240) -> pa.Table:
    """Return rows whose rarer class is hard to tell."""
    rng = np.random.default_rng(8)
    x = rng.normal(0, 1, rows)
    noise = rng.normal(0, 0.8, rows)
    edges = [0.9] if classes == 2 else [-0.3, 0.9]
    answer = np.digitize(x + noise, edges)
    return pa.Table.from_pandas(
        pd.DataFrame({"x": x, "y": rng.normal(0, 1, rows), "answer": answer})
    )


def spec(decision: dict[str, Any] | None) -> TrainingSpec:
    return TrainingSpec(
        target="answer",
        features=("x", "y"),
        task="classification",
        estimator="logistic",
        params={},
        folds=3,
        decision=decision,
    )


def test_recall_is_reached_where_the_threshold_was_chosen_and_measured_elsewhere() -> None:
    fitted = fit_version(spec({"rule": "recall", "at_least": 0.9}), table_of())
    assert fitted.decision is not None
    assert fitted.decision.threshold < 0.5
    assert fitted.decision.chosen_on["recall"] >= 0.9
    assert fitted.decision.chosen_on["rows"] == fitted.split_report["train_rows"]
    assert fitted.decision.held_out["rows"] == fitted.split_report["test_rows"]
    assert fitted.metrics["decision_recall"] == fitted.decision.held_out["recall"]
    assert TrainingSpec.from_dict(fitted.spec.to_dict()) == fitted.spec


def test_without_a_rule_classes_have_no_threshold_of_their_own() -> None:
    fitted = fit_version(spec(None), table_of())
    assert fitted.decision is None
    assert "decision_recall" not in fitted.metrics


def test_a_rule_needs_two_classes() -> None:
    with pytest.raises(RuleRefused):
        fit_version(spec({"rule": "f1"}), table_of(classes=3))
