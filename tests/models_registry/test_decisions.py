"""Thresholds: chosen by a rule, held against scores, refused where they make no sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models_registry.decisions import (
    DecisionRule,
    RuleRefused,
    ThresholdRefused,
    choose_threshold,
    quality_at,
    rule_on,
    usual_rule,
    usual_threshold,
)
from models_registry.runtimes import Scores
from models_registry.signatures import Field, Signature

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
TRUTH = np.array([True, True, False, True, False, False])
INPUTS = (Field("x", "number"),)
BINARY = Signature(INPUTS, "classification", ("no", "yes"))
THREE = Signature(INPUTS, "classification", (0, 1, 2))
VALUE = Signature(INPUTS, "regression")
ODD = Signature(INPUTS, "anomaly")


def rule(task: str = "classification", **value: Any) -> DecisionRule:
    return DecisionRule.from_dict(value, task=task)


@pytest.mark.parametrize(
    ("wanted", "threshold"),
    [
        (rule(rule="f1"), 0.6),  # 3 of 4 right, 3 of 3 found: 6/7
        (rule(rule="precision", at_least=1.0), 0.8),
        (rule(rule="precision", at_least=0.7), 0.6),
        (rule(rule="recall", at_least=1.0), 0.6),
        (rule(rule="recall", at_least=0.5), 0.8),
        (rule(rule="cost", false_positive=1, false_negative=10), 0.6),
        (rule(rule="cost", false_positive=10, false_negative=1), 0.8),
        (rule(rule="cost", false_positive=1, false_negative=0), np.nextafter(0.9, 1)),
        (rule(rule="fixed", threshold=0.3), 0.3),
        (rule("anomaly", rule="contamination", share=0.34), 0.8),
    ],
)
def test_a_threshold_does_what_its_rule_asks_for(wanted: DecisionRule, threshold: float) -> None:
    assert choose_threshold(wanted, SCORES, TRUTH) == pytest.approx(threshold, abs=1e-12)


@pytest.mark.parametrize(
    ("share", "rows"), [(0.07, 100), (0.14, 50), (0.28, 25), (0.34, 150), (0.55, 100), (0.68, 75)]
)
def test_a_share_that_is_reached_exactly_is_reached(share: float, rows: int) -> None:
    reached = round(share * rows)
    scores = np.arange(rows, 0, -1) / rows
    found_at = scores[reached - 1]
    assert choose_threshold(rule(rule="recall", at_least=share), scores, scores > 0) == found_at
    right = np.arange(rows) < reached
    chosen = choose_threshold(rule(rule="precision", at_least=share), scores, right)
    assert chosen == scores[-1]


@pytest.mark.parametrize(
    ("usual", "odd", "share", "flagged"),
    [(90, 10, 0.29, 0.1), (90, 10, 0.08, 0.1), (90, 10, 0.02, 0.0), (0, 100, 0.3, 0.0)],
)
def test_equal_scores_are_flagged_together_or_not_as_comes_nearest_to_the_share(
    usual: int, odd: int, share: float, flagged: float
) -> None:
    scores = np.array([0.25] * usual + [0.75] * odd)
    chosen = choose_threshold(rule("anomaly", rule="contamination", share=share), scores, None)
    assert chosen is not None
    assert quality_at(chosen, scores, None).share == flagged


@pytest.mark.parametrize("share", [0.01, 0.05, 0.29, 0.5])
def test_a_share_of_different_scores_is_met(share: float) -> None:
    scores = np.random.default_rng(5).permutation(np.arange(100.0))
    chosen = choose_threshold(rule("anomaly", rule="contamination", share=share), scores, None)
    assert chosen is not None
    assert quality_at(chosen, scores, None).share == share


def test_what_no_threshold_reaches_has_none() -> None:
    never = np.array([False, True])
    wanted = rule(rule="precision", at_least=1.0)
    assert choose_threshold(wanted, np.array([0.9, 0.2]), never) is None
    assert choose_threshold(rule(rule="f1"), SCORES, None) is None
    assert choose_threshold(rule(rule="recall", at_least=0.5), SCORES, TRUTH & False) is None


def test_equal_scores_fall_on_the_same_side() -> None:
    found = choose_threshold(rule(rule="f1"), np.array([0.5, 0.5, 0.1]), TRUTH[:3])
    assert found == 0.5
    assert quality_at(0.5, np.array([0.5, 0.5, 0.1]), TRUTH[:3]).precision == 1.0


def test_quality_is_what_can_be_known() -> None:
    found = quality_at(0.6, SCORES, TRUTH)
    assert (found.share, found.precision, found.recall) == (4 / 6, 0.75, 1.0)
    assert found.f1 == pytest.approx(6 / 7)
    assert quality_at(0.6, SCORES, None).precision is None
    assert quality_at(2.0, SCORES, TRUTH).precision is None


@pytest.mark.parametrize(
    ("value", "task", "field"),
    [
        ({"rule": "guess"}, "classification", "decision.rule"),
        ({"rule": "contamination", "share": 0.1}, "classification", "decision.rule"),
        ({"rule": "f1"}, "regression", "decision"),
        ({"rule": "recall"}, "classification", "decision.at_least"),
        ({"rule": "recall", "at_least": 2}, "classification", "decision.at_least"),
        ({"rule": "recall", "at_least": True}, "classification", "decision.at_least"),
        ({"rule": "fixed", "threshold": 7}, "classification", "decision.threshold"),
        ({"rule": "f1", "beta": 2}, "classification", "decision.beta"),
    ],
)
def test_a_rule_without_sense_names_the_part(value: Any, task: str, field: str) -> None:
    with pytest.raises(RuleRefused) as refusal:
        DecisionRule.from_dict(value, task=task)
    assert refusal.value.errors[0].field == field


def test_more_classes_than_two_are_not_told_apart_by_a_threshold() -> None:
    with pytest.raises(RuleRefused):
        DecisionRule.from_dict({"rule": "f1"}, task="classification", class_count=3)


def test_the_endpoints_threshold_goes_before_the_versions_and_that_before_one_half() -> None:
    assert usual_threshold(BINARY, {"threshold": 0.3}, of_endpoint=0.2) == 0.2
    assert usual_threshold(BINARY, {"threshold": 0.3}) == 0.3
    assert usual_threshold(BINARY, {}) == 0.5
    assert usual_threshold(ODD, {}) is None
    assert usual_rule("classification") is None


def test_decisions_are_classes_or_whether_there_is_an_anomaly() -> None:
    shares = np.array([[0.7, 0.3], [0.2, 0.8]])
    found = rule_on(True, 0.3, BINARY, Scores(["no", "yes"], shares))
    assert found is not None
    assert (found.threshold, found.decisions) == (0.3, ["yes", "yes"])
    odd = rule_on(0.6, None, ODD, Scores([0.6, 0.59], None))
    assert odd is not None
    assert odd.decisions == [True, False]
    assert rule_on(None, 0.5, BINARY, Scores(["no"], shares[:1])) is None


@pytest.mark.parametrize(
    ("asked", "usual", "signature", "scores"),
    [
        (True, 0.5, VALUE, Scores([1.0], None)),
        (True, 0.5, THREE, Scores([0], np.array([[0.5, 0.3, 0.2]]))),
        (1.5, 0.5, BINARY, Scores(["no"], np.array([[0.7, 0.3]]))),
        (True, None, ODD, Scores([0.5], None)),
    ],
)
def test_a_decision_that_cannot_be_made_is_refused(
    asked: Any, usual: float | None, signature: Signature, scores: Scores
) -> None:
    with pytest.raises(ThresholdRefused) as refusal:
        rule_on(asked, usual, signature, scores)
    assert refusal.value.field == "threshold"
