"""Metrics of held-out rows, beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from models_registry.evaluation import metrics_of


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (["a", "a", "b", "b"], ["a", "c", "b", "b"]),
        (["a", "a", "a", "a"], ["a", "b", "c", "a"]),
        (["a", "b", "c", "c"], ["a", "b", "a", "c"]),
    ],
)
def test_a_class_that_no_row_has_does_not_lower_the_balanced_accuracy(
    truth: list[str], said: list[str]
) -> None:
    classes = ["a", "b", "c"]
    probabilities = np.eye(3)[[classes.index(one) for one in said]]
    found = metrics_of(
        truth=np.array(truth, dtype=object),
        labels=said,
        probabilities=probabilities,
        classes=classes,
    )
    recalls = [
        np.mean([guess == true for true, guess in zip(truth, said, strict=True) if true == label])
        for label in sorted(set(truth))
    ]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    if set(said) <= set(truth):
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, said))
