"""The form of a training: a field for each parameter of the estimator, the columns of the data to tick."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from datasets.models import DatasetVersion
from tests.forms import filled_in
from tests.serving.conftest import training_data  # noqa: F401 (a fixture)
from training.estimators import CATALOGUE, validated_params
from training.models import TrainingRun
from training.parameter_fields import default_text, field_name, parameter_field, read_parameters

ADD = "/admin/training/trainingrun/add/"


@pytest.fixture
def person(client: Client, admin_user_: User) -> Client:
    client.force_login(admin_user_)
    return client


def shown(client: Client, **query: Any) -> str:
    answer = client.get(ADD, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("key", CATALOGUE)
def test_what_the_fields_show_at_first_are_the_defaults(key: str) -> None:
    entry = CATALOGUE[key]
    cleaned: dict[str, Any] = {}
    for parameter in entry.parameters:
        field = parameter_field(parameter)
        assert parameter.description in field.help_text
        cleaned[field_name(entry, parameter)] = field.clean(default_text(parameter))
    values, complaints = read_parameters(entry, cleaned)
    assert complaints == {}
    assert validated_params(entry, values) == validated_params(entry, {})


@pytest.mark.parametrize("key", CATALOGUE)
def test_fields_that_are_left_empty_stay_at_the_defaults(key: str) -> None:
    entry = CATALOGUE[key]
    cleaned = {field_name(entry, one): parameter_field(one).clean("") for one in entry.parameters}
    assert read_parameters(entry, cleaned) == ({}, {})


def test_the_word_none_is_a_choice_of_its_own() -> None:
    entry = CATALOGUE["random_forest"]
    values, _ = read_parameters(entry, {"params-random_forest-max_features": "none"})
    assert values == {"max_features": None}


def test_the_page_begins_with_the_default_estimator_and_lines_for_columns(
    person: Client, db: None
) -> None:
    html = shown(person)
    fields = filled_in(html)
    assert fields["params-hist_gradient_boosting-learning_rate"] == "0.1"
    assert fields["params-hist_gradient_boosting-max_depth"] == ""
    assert "features-others" in fields
    assert "params" not in fields
    assert '<script src="/static/site/offers.js" defer></script>' in html


def test_the_columns_of_the_version_in_the_address_can_be_ticked(
    person: Client,
    training_data: DatasetVersion,  # noqa: F811
) -> None:
    html = shown(person, dataset_version=training_data.pk)
    assert '<input type="checkbox" name="features" value="mean radius">' in html
    assert '<option value="diagnosis">' in html


def test_another_estimator_brings_its_fields_and_keeps_what_was_filled_in(
    person: Client,
    training_data: DatasetVersion,  # noqa: F811
) -> None:
    data = filled_in(shown(person))
    data["model"] = "tumour"
    data["seed"] = "many"
    data["target"] = "diagnosis"
    data["dataset_version"] = str(training_data.pk)
    data["estimator"] = "random_forest"
    data.setlist("features", ["mean texture"])
    answer = person.post(ADD, {**dict(data.lists()), "do": "offer"})
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "errorlist" not in html
    again = filled_in(html)
    assert (again["model"], again["seed"], again["target"]) == ("tumour", "many", "diagnosis")
    assert again["params-random_forest-n_estimators"] == "100"
    assert again["params-random_forest-max_features"] == "sqrt"
    assert not [name for name in again if name.startswith("params-hist")]
    assert again.getlist("features") == ["mean texture"]
    assert 'name="features" value="diagnosis"' not in html
    assert not TrainingRun.objects.exists()


def test_anomalies_begin_with_the_isolation_forest(person: Client, db: None) -> None:
    answer = person.post(ADD, {"task": "anomaly", "do": "offer"})
    assert "params-isolation_forest-max_samples" in filled_in(answer.content.decode())


def test_the_page_as_it_stands_trains_with_the_defaults(
    person: Client,
    training_data: DatasetVersion,  # noqa: F811
) -> None:
    data = filled_in(shown(person, dataset_version=training_data.pk))
    data["model"] = "tumour"
    data["target"] = "diagnosis"
    assert person.post(ADD, dict(data.lists())).status_code == 302
    row = TrainingRun.objects.get()
    assert row.estimator == "hist_gradient_boosting"
    assert row.params == validated_params(CATALOGUE[row.estimator], {})
    assert "mean radius" in row.features
    assert "diagnosis" not in row.features


def test_parameters_of_another_estimator_are_not_dropped_in_silence(
    person: Client,
    training_data: DatasetVersion,  # noqa: F811
) -> None:
    """Without scripts the fields stay those of the estimator that was chosen before."""
    data = filled_in(shown(person, dataset_version=training_data.pk))
    data["model"] = "tumour"
    data["target"] = "diagnosis"
    data["estimator"] = "random_forest"
    data["params-hist_gradient_boosting-max_iter"] = "300"
    answer = person.post(ADD, dict(data.lists()))
    html = answer.content.decode()
    assert "are those of: Histogram gradient boosting" in html
    assert not TrainingRun.objects.exists()
    again = filled_in(html)
    assert "params-random_forest-n_estimators" in again
    assert person.post(ADD, dict(again.lists())).status_code == 302
    assert TrainingRun.objects.get().estimator == "random_forest"


def test_a_version_of_another_project_offers_no_columns(
    client: Client,
    staff: Any,
    other_project: Any,
    training_data: DatasetVersion,  # noqa: F811
) -> None:
    stranger = staff("editor", other_project)
    html = shown(stranger, dataset_version=training_data.pk)
    assert "mean radius" not in html
