"""From a score to a yes or no: how a threshold is chosen, and what was measured at it."""

from __future__ import annotations

from models_registry.decisions.choosing import Quality, choose_threshold, quality_at
from models_registry.decisions.decision import Decision, decided, scores_to_decide
from models_registry.decisions.rules import (
    RULE_NUMBERS,
    DecisionRule,
    Rule,
    RuleRefused,
    usual_rule,
)
from models_registry.decisions.ruling import (
    Ruling,
    ThresholdRefused,
    asked_threshold,
    check_threshold,
    rule_on,
    usual_threshold,
)

__all__ = [
    "RULE_NUMBERS",
    "Decision",
    "DecisionRule",
    "Quality",
    "Rule",
    "RuleRefused",
    "Ruling",
    "ThresholdRefused",
    "asked_threshold",
    "check_threshold",
    "choose_threshold",
    "decided",
    "quality_at",
    "rule_on",
    "scores_to_decide",
    "usual_rule",
    "usual_threshold",
]
