"""The rule of a decision threshold as form fields: which rule, and a field for each of its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from models_registry.decisions import RULE_NUMBERS, Rule, usual_rule

RULE_WORDS: Mapping[Rule, str] = {
    "fixed": "a threshold that is given",
    "f1": "the largest F1, the harmonic mean of precision and recall",
    "cost": "the smallest sum of what wrong decisions cost",
    "precision": "the lowest threshold with at least that precision",
    "recall": "the highest threshold with at least that recall",
    "contamination": "for anomalies, the threshold with that share of the rows at or above it",
}


@dataclass(frozen=True, slots=True)
class NumberWords:
    """How a number of a rule is asked for.

    Attributes
    ----------
    example
        A value that makes sense, shown while the field is empty.
    """

    label: str
    help_text: str
    example: str


NUMBER_WORDS: Mapping[tuple[Rule, str], NumberWords] = {
    ("fixed", "threshold"): NumberWords(
        "Threshold",
        "Scores from here on are positive: a probability of the second class, 0 to 1, or any score of anomalies.",
        "0.3",
    ),
    ("cost", "false_positive"): NumberWords(
        "Cost of a false positive",
        "What it costs to decide for the second class, or an anomaly, where there is none. 0 or more, in any unit.",
        "1",
    ),
    ("cost", "false_negative"): NumberWords(
        "Cost of a false negative",
        "What it costs to miss the second class, or an anomaly. 0 or more, in the same unit.",
        "5",
    ),
    ("precision", "at_least"): NumberWords(
        "Precision of at least",
        "Share of the positive decisions that are right. 0 to 1.",
        "0.9",
    ),
    ("recall", "at_least"): NumberWords(
        "Recall of at least",
        "Share of the second class, or of the anomalies, that is found. 0 to 1.",
        "0.9",
    ),
    ("contamination", "share"): NumberWords(
        "Share of anomalies",
        "Share of the rows that count as anomalies. 0.000001 to 0.5.",
        "0.05",
    ),
}


def number_field_name(rule: Rule, number: str) -> str:
    """Return the name of the field for a number of a rule; equal numbers of two rules have two fields."""
    return f"decision-{rule}-{number}"


def plain(value: float) -> str:
    """Return a limit in digits, of which none has more than six places; with an exponent from 10¹⁵ on."""
    if abs(value) >= 1e15:
        return f"{value:g}"
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def rule_in_words(decision: Mapping[str, Any]) -> str:
    """Return a rule that was checked, with its numbers as the form calls them; "none" for an empty one."""
    if not decision:
        return "none"
    rule: Rule = decision["rule"]
    numbers = [
        f"{NUMBER_WORDS[rule, number].label.lower()} {decision[number]:,.10g}"
        for number in RULE_NUMBERS[rule]
    ]
    return f"{rule}: {', '.join(numbers)}" if numbers else rule


def _without_a_rule() -> str:
    usual = usual_rule("anomaly")
    share = f", for anomalies a share of {usual['share']:g}" if usual is not None else ""
    return f"none: the class with the larger probability{share}"


class DecisionRuleForm(forms.Form):
    """A form that asks, among other things, how a decision threshold is chosen.

    What it found is ``cleaned_data["decision_rule"]``: the rule as
    :meth:`~models_registry.decisions.DecisionRule.from_dict` reads it, None for none. Whether the rule fits the
    task is the service's to say. ``admin/models_registry/decision_fields.html`` shows the fields, and hides
    those of other rules where scripts run.
    """

    decision = forms.ChoiceField(
        required=False,
        label="Rule",
        choices=[
            ("", _without_a_rule()),
            *((rule, f"{rule}: {words}") for rule, words in RULE_WORDS.items()),
        ],
        widget=UnfoldAdminSelectWidget,
        help_text="Followed on the answers of the cross-validation. Scores at or above the threshold mean the second class "
        "(of no and yes: yes), or an anomaly.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for (rule, number), words in NUMBER_WORDS.items():
            self.fields[number_field_name(rule, number)] = forms.FloatField(
                required=False,
                label=words.label,
                help_text=words.help_text,
                widget=UnfoldAdminTextInputWidget(
                    attrs={"inputmode": "decimal", "placeholder": f"e.g. {words.example}"}
                ),
            )

    @property
    def rule_numbers(self) -> list[tuple[Rule, forms.BoundField]]:
        """The fields of all rules' numbers, each with its rule."""
        return [(rule, self[number_field_name(rule, number)]) for rule, number in NUMBER_WORDS]

    def clean(self) -> dict[str, Any]:
        """Read the chosen rule; what was filled in for another one is refused, not dropped."""
        super().clean()
        if "decision" not in self.cleaned_data:
            return self.cleaned_data
        chosen = self.cleaned_data["decision"]
        found: dict[str, Any] = {"rule": chosen}
        for rule, number in NUMBER_WORDS:
            name = number_field_name(rule, number)
            if rule == chosen:
                self._check(rule, number)
                found[number] = self.cleaned_data.get(name)
            elif str(self.data.get(self.add_prefix(name)) or "").strip():
                label = NUMBER_WORDS[rule, number].label
                self.add_error(
                    name,
                    f"'{label}' belongs to the rule {rule}, and {chosen or 'none'} is chosen. Empty it, or "
                    f"choose {rule}.",
                )
        self.cleaned_data["decision_rule"] = found if chosen else None
        return self.cleaned_data

    def _check(self, rule: Rule, number: str) -> None:
        """Refuse a number that is missing or out of its limits; what is no number was refused before."""
        name = number_field_name(rule, number)
        if name in self.errors:
            return
        value = self.cleaned_data[name]
        low, high = RULE_NUMBERS[rule][number]
        if value is None:
            label = NUMBER_WORDS[rule, number].label
            self.add_error(name, f"The rule {rule} needs '{label}'.")
        elif not low <= value <= high:
            self.add_error(name, f"Must lie between {plain(low)} and {plain(high)}.")
