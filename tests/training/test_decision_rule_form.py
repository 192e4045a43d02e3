"""The rule of the decision threshold in the form of a training: a choice, and a field for each number."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import escape

from datasets.models import DatasetVersion
from models_registry.decision_form import (
    NUMBER_WORDS,
    RULE_WORDS,
    DecisionRuleForm,
    number_field_name,
    plain,
    rule_in_words,
)
from models_registry.decisions import RULE_NUMBERS, DecisionRule, Rule
from tests.forms import filled_in
from tests.serving.conftest import training_data  # noqa: F401 (a fixture)
from training.models import TrainingRun

ADD = "/admin/training/trainingrun/add/"

RULES: list[dict[str, Any]] = [
    {"rule": "fixed", "threshold": 0.3},
    {"rule": "f1"},
    {"rule": "cost", "false_positive": 1.0, "false_negative": 5.5},
    {"rule": "precision", "at_least": 0.9},
    {"rule": "recall", "at_least": 1.0},
    {"rule": "contamination", "share": 0.02},
]


def fields_of(rule: dict[str, Any]) -> dict[str, str]:
    name = rule["rule"]
    numbers = {number_field_name(name, one): str(rule[one]) for one in rule if one != "rule"}
    return {"decision": name, **numbers}


@pytest.fixture
def person(client: Client, admin_user_: User) -> Client:
    client.force_login(admin_user_)
    return client


def asked(version: DatasetVersion, **changes: Any) -> dict[str, Any]:
    return {
        "dataset_version": version.pk,
        "target": "diagnosis",
        "model": "tumour",
        "estimator": "logistic",
        "seed": 3,
        **changes,
    }


def errors_of(**data: str) -> dict[str, list[str]]:
    return {
        name: [str(text) for text in texts] for name, texts in DecisionRuleForm(data).errors.items()
    }


def test_every_rule_and_each_of_its_numbers_can_be_filled_in() -> None:
    assert list(RULE_WORDS) == list(RULE_NUMBERS) == list(get_args(Rule))
    assert set(NUMBER_WORDS) == {(rule, one) for rule in RULE_NUMBERS for one in RULE_NUMBERS[rule]}
    assert [one["rule"] for one in RULES] == list(RULE_NUMBERS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["rule"])
def test_what_is_filled_in_is_the_rule(rule: dict[str, Any]) -> None:
    form = DecisionRuleForm(fields_of(rule))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["decision_rule"] == rule
    assert DecisionRule.from_dict(rule, task="anomaly").to_dict() == rule


@pytest.mark.parametrize(("rule", "number"), NUMBER_WORDS)
def test_the_examples_and_the_limits_in_the_help_are_those_of_the_rule(
    rule: Rule, number: str
) -> None:
    words = NUMBER_WORDS[rule, number]
    low, high = RULE_NUMBERS[rule][number]
    assert low <= float(words.example) <= high
    if high <= 1:
        assert f"{plain(low)} to {plain(high)}" in words.help_text


@pytest.mark.parametrize("data", [{}, {"decision": ""}, {"decision-recall-at_least": ""}])
def test_nothing_filled_in_is_no_rule(data: dict[str, str]) -> None:
    form = DecisionRuleForm(data)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["decision_rule"] is None


@pytest.mark.parametrize(
    ("rule", "name", "typed", "said"),
    [
        ("recall", "decision-recall-at_least", "", "The rule recall needs 'Recall of at least'."),
        ("recall", "decision-recall-at_least", "1.1", "Must lie between 0 and 1."),
        ("precision", "decision-precision-at_least", "-0.1", "Must lie between 0 and 1."),
        ("precision", "decision-precision-at_least", "many", "Enter a number."),
        ("precision", "decision-precision-at_least", "nan", "Enter a number."),
        (
            "contamination",
            "decision-contamination-share",
            "0.6",
            "Must lie between 0.000001 and 0.5.",
        ),
        ("fixed", "decision-fixed-threshold", "inf", "Enter a number."),
        (
            "fixed",
            "decision-fixed-threshold",
            "1e301",
            "Must lie between -1e+300 and 1e+300.",
        ),
    ],
)
def test_a_bad_number_is_said_at_its_field(rule: str, name: str, typed: str, said: str) -> None:
    assert errors_of(**{"decision": rule, name: typed}) == {name: [said]}


def test_both_costs_are_needed() -> None:
    found = errors_of(**{"decision": "cost", "decision-cost-false_positive": "-1"})
    assert found == {
        "decision-cost-false_positive": ["Must lie between 0 and 1,000,000,000,000."],
        "decision-cost-false_negative": ["The rule cost needs 'Cost of a false negative'."],
    }


def test_a_rule_that_is_not_offered_is_refused_alone() -> None:
    found = errors_of(**{"decision": '{"rule": "f1"}', "decision-recall-at_least": "0.9"})
    assert list(found) == ["decision"]


@pytest.mark.parametrize("chosen", ["", "f1", "precision"])
def test_a_number_of_another_rule_is_refused_at_its_field(chosen: str) -> None:
    own = {"decision-precision-at_least": "0.5"} if chosen == "precision" else {}
    found = errors_of(**{"decision": chosen, "decision-recall-at_least": "0.9", **own})
    said = (
        f"belongs to the rule recall, and {chosen or 'none'} is chosen. Empty it, or choose recall."
    )
    assert found == {"decision-recall-at_least": [f"'Recall of at least' {said}"]}


def test_the_page_shows_each_number_with_its_rule_and_none_filled_in(
    person: Client, db: None
) -> None:
    html = person.get(ADD).content.decode()
    fields = filled_in(html)
    for rule, number in NUMBER_WORDS:
        assert fields[number_field_name(rule, number)] == ""
        assert html.count(f'data-choice="decision" data-chosen="{rule}"') == len(RULE_NUMBERS[rule])
    assert '<script src="/static/site/choices.js" defer></script>' in html


@pytest.mark.parametrize("rule", RULES[:-1], ids=lambda rule: rule["rule"])
def test_a_training_is_asked_for_with_the_rule_and_its_page_says_it(
    person: Client,
    training_data: DatasetVersion,  # noqa: F811
    rule: dict[str, Any],
) -> None:
    assert person.post(ADD, asked(training_data, **fields_of(rule))).status_code == 302
    row = TrainingRun.objects.get()
    assert row.decision == rule
    page = person.get(f"/admin/training/trainingrun/{row.pk}/change/").content.decode()
    assert rule_in_words(rule) in page


def test_a_share_of_anomalies_is_asked_for(
    person: Client,
    training_data: DatasetVersion,  # noqa: F811
) -> None:
    data = asked(training_data, **fields_of(RULES[-1]))
    data |= {"task": "anomaly", "target": "", "estimator": "isolation_forest"}
    assert person.post(ADD, data).status_code == 302
    assert TrainingRun.objects.get().decision == RULES[-1]


def test_the_words_of_a_rule_name_its_numbers() -> None:
    assert rule_in_words({}) == "none"
    assert rule_in_words({"rule": "f1"}) == "f1"
    assert rule_in_words({"rule": "fixed", "threshold": 2e-9}) == "fixed: threshold 2e-09"
    assert (
        rule_in_words({"rule": "cost", "false_positive": 1, "false_negative": 2500.0})
        == "cost: cost of a false positive 1, cost of a false negative 2,500"
    )


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        (
            {"decision": "fixed", "decision-fixed-threshold": "7"},
            "decision-fixed-threshold",
            "a number from 0 to 1 was expected",
        ),
        (
            {"decision": "contamination", "decision-contamination-share": "0.02"},
            "decision",
            "Choose among fixed, f1, cost, precision, recall.",
        ),
        (
            {"decision": "f1", "task": "anomaly", "target": "", "estimator": "isolation_forest"},
            "decision",
            "needs a target that says which rows are anomalies",
        ),
        (
            {
                "decision": "f1",
                "task": "regression",
                "target": "mean radius",
                "estimator": "ridge",
            },
            "decision",
            "Only two classes, or anomalies, are told apart by a threshold.",
        ),
        (
            {"decision": "recall", "decision-recall-at_least": "lots"},
            "decision-recall-at_least",
            "Enter a number.",
        ),
    ],
)
def test_what_is_refused_is_said_at_the_field_and_stays_there(
    person: Client,
    training_data: DatasetVersion,  # noqa: F811
    changes: dict[str, Any],
    field: str,
    said: str,
) -> None:
    answer = person.post(ADD, asked(training_data, **changes))
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    html = answer.content.decode()
    assert escape(said) in html
    again = filled_in(html)
    for name, typed in changes.items():
        assert again.get(name, "") == typed
    assert not TrainingRun.objects.exists()


def test_another_estimator_keeps_the_rule_as_it_was_typed(
    person: Client,
    training_data: DatasetVersion,  # noqa: F811
) -> None:
    typed = {"decision": "cost", "decision-cost-false_positive": "x"}
    answer = person.post(ADD, {**asked(training_data, **typed), "do": "offer"})
    html = answer.content.decode()
    assert "errorlist" not in html
    again = filled_in(html)
    assert {name: again[name] for name in typed} == typed
