"""What a threshold is chosen for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from core.errors import FieldError, Invalid

Rule = Literal["fixed", "f1", "cost", "precision", "recall", "contamination"]

#: Each rule with its numbers, and what values they may have (both bounds belong to it).
RULE_NUMBERS: Mapping[Rule, Mapping[str, tuple[float, float]]] = {
    "fixed": {"threshold": (-1e300, 1e300)},
    "f1": {},
    "cost": {"false_positive": (0.0, 1e12), "false_negative": (0.0, 1e12)},
    "precision": {"at_least": (0.0, 1.0)},
    "recall": {"at_least": (0.0, 1.0)},
    "contamination": {"share": (1e-6, 0.5)},
}
#: Rules that need to know what was true.
_OF_TRUTH = frozenset({"f1", "cost", "precision", "recall"})
_USUAL_CONTAMINATION = 0.05


class RuleRefused(Invalid):
    """A rule for the decision threshold makes no sense."""

    code = "decision_rule_refused"
    title = "The rule of the decision threshold cannot be used"


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """What a threshold is chosen for.

    ``fixed``: as given. ``f1``: the largest F1. ``cost``: the smallest sum of what false positives and false
    negatives cost. ``precision``: the lowest threshold with at least this precision. ``recall``: the highest
    threshold with at least this recall. ``contamination``: this share of the rows is above it.
    """

    rule: Rule
    numbers: tuple[tuple[str, float], ...] = ()

    def __getitem__(self, name: str) -> float:
        """Return one of the rule's numbers."""
        return dict(self.numbers)[name]

    @property
    def needs_truth(self) -> bool:
        """Whether it can be followed only where the true answers are known."""
        return self.rule in _OF_TRUTH

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as JSON-compatible values."""
        return {"rule": self.rule, **dict(self.numbers)}

    @classmethod
    def from_dict(
        cls, value: Mapping[str, Any], *, task: str, class_count: int | None = None
    ) -> DecisionRule:
        """Return the rule that a JSON object states.

        Parameters
        ----------
        class_count
            Of a classification, where it is known already.

        Raises
        ------
        RuleRefused
            Naming the part that is wrong, or because the task has no such decision.
        """
        name = value.get("rule")
        if task == "regression" or (class_count is not None and class_count != 2):
            raise RuleRefused(
                "Only two classes, or anomalies, are told apart by a threshold.", field="decision"
            )
        known = [one for one in RULE_NUMBERS if one != "contamination" or task == "anomaly"]
        if name not in known:
            raise RuleRefused(f"Choose among {', '.join(known)}.", field="decision.rule")
        numbers = RULE_NUMBERS[cast("Rule", name)]
        errors = [
            FieldError(
                f"decision.{key}", f"is not known; {name} has {', '.join(numbers) or 'none'}"
            )
            for key in sorted(map(str, set(value) - {"rule", *numbers}))
        ]
        if task == "classification" and name == "fixed":
            numbers = {"threshold": (0.0, 1.0)}
        for key, (low, high) in numbers.items():
            found = value.get(key)
            if not _is_number(found) or not low <= cast("float", found) <= high:
                errors.append(
                    FieldError(f"decision.{key}", f"a number from {low:g} to {high:g} was expected")
                )
        if errors:
            raise RuleRefused(f"{errors[0].field}: {errors[0].message}", errors=errors)
        return cls(cast("Rule", name), tuple((key, float(value[key])) for key in numbers))


def usual_rule(task: str) -> DecisionRule | None:
    """Return the rule where none was asked for: a share for anomalies; classes go by the larger probability."""
    if task != "anomaly":
        return None
    return DecisionRule("contamination", (("share", _USUAL_CONTAMINATION),))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
