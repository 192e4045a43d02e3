"""Which labelled rows train a challenger, which test it, and how they join the training data."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retraining.champion_challenger import contest
from retraining.champion_challenger.contest import Answers, classify, regress
from retraining.champion_challenger.losses import Loss
from retraining.labelled_rows import (
    UnusableRowsError,
    extended_table,
    fresh_rows,
    labelled_table,
    split_by_arrival,
    splitting,
)

BASE = pa.table(
    {
        "id": pa.array(["r1", "r2"]),
        "age": pa.array([30, 40], pa.int64()),
        "income": pa.array([1.5, None]),
        "member": pa.array([True, False]),
        "city": pa.array(["a", "b"]).dictionary_encode(),
        "y": pa.array(["no", "yes"]),
    }
)
FEATURES = ["age", "income", "member", "city"]


def rows(**changes: list[object]) -> pd.DataFrame:
    columns: dict[str, list[object]] = {
        "age": [50, None],
        "income": [None, 2.0],
        "member": [None, True],
        "city": ["c", None],
        **changes,
    }
    features = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return pd.DataFrame({"label": ["yes", "no"], "features": features})


@given(
    count=st.integers(2, 300),
    fraction=st.floats(0.01, 0.99),
    horizon=st.integers(1, 400),
)
def test_the_cut_keeps_every_row_once_and_the_newest_apart(
    count: int, fraction: float, horizon: int
) -> None:
    split = split_by_arrival(
        pd.DataFrame({"x": range(count)}), test_fraction=fraction, horizon=horizon
    )
    assert [*split.older["x"], *split.newest["x"]] == list(range(count))
    assert 1 <= len(split.newest) <= horizon
    assert len(split.older) >= 1


def test_one_row_cannot_be_cut() -> None:
    with pytest.raises(ValueError, match="two labelled rows"):
        split_by_arrival(pd.DataFrame({"x": [1]}), test_fraction=0.5, horizon=10)


def test_rows_that_the_champion_knows_are_not_fresh() -> None:
    frame = pd.DataFrame({"prediction_id": ["a", "b", "c"]})
    assert fresh_rows(frame, labels_through="c").empty
    assert fresh_rows(frame, labels_through="gone")["prediction_id"].tolist() == ["a", "b", "c"]


def test_labelled_rows_join_the_training_data_in_its_types() -> None:
    extra = labelled_table(rows(), schema=BASE.schema, features=FEATURES, target="y")
    joined = extended_table(BASE, extra)
    assert joined.column_names == BASE.column_names
    assert joined.column("id").to_pylist() == ["r1", "r2", None, None]
    assert joined.column("age").to_pylist() == [30, 40, 50, None]
    assert joined.schema.field("age").type == pa.int64()
    assert joined.column("member").to_pylist() == [True, False, None, True]
    assert joined.column("city").to_pylist() == ["a", "b", "c", None]
    assert joined.column("y").to_pylist() == ["no", "yes", "yes", "no"]


def test_a_fraction_among_whole_numbers_turns_the_column_into_fractions() -> None:
    extra = labelled_table(rows(age=[50.5, 60]), schema=BASE.schema, features=FEATURES, target="y")
    joined = extended_table(BASE, extra)
    assert joined.column("age").to_pylist() == [30.0, 40.0, 50.5, 60.0]


def test_whole_numbers_that_no_double_carries_stay_as_they_were_sent() -> None:
    long = 2**53 + 1
    extra = labelled_table(
        rows(age=[long, None]), schema=BASE.schema, features=FEATURES, target="y"
    )
    assert extra.column("age").to_pylist() == [long, None]
    with pytest.raises(UnusableRowsError, match="'age'"):
        labelled_table(rows(age=[long, 0.5]), schema=BASE.schema, features=FEATURES, target="y")


def test_a_feature_may_have_the_name_of_what_the_log_keeps_beside_it() -> None:
    names = ["label", "prediction_id", "prediction", "model_version_id", "at", "features"]
    base = pa.table({**{name: pa.array([0.0]) for name in names}, "y": pa.array(["no"])})
    known: dict[str, list[object]] = {
        name: [float(number), 7.0] for number, name in enumerate(names)
    }
    extra = labelled_table(rows(**known), schema=base.schema, features=names, target="y")
    assert extra.column("y").to_pylist() == ["yes", "no"]
    for number, name in enumerate(names):
        assert extra.column(name).to_pylist() == [float(number), 7.0]


def test_a_value_of_another_type_names_its_column() -> None:
    with pytest.raises(UnusableRowsError, match="'member'"):
        labelled_table(
            rows(member=["maybe", True]), schema=BASE.schema, features=FEATURES, target="y"
        )
    with pytest.raises(UnusableRowsError, match="'gone'"):
        labelled_table(rows(), schema=BASE.schema, features=["gone"], target="y")


def test_classifiers_meet_on_brier_losses_where_both_forecast() -> None:
    labels = ["no", "yes", "yes"]
    sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    vague = np.full((3, 2), 0.5)
    met = classify(
        labels,
        Answers(["no", "no", "no"], vague, ("no", "yes")),
        Answers(["no", "yes", "yes"], sure, ("no", "yes")),
    )
    assert met.loss is Loss.BRIER
    assert met.champion_losses.tolist() == [0.25, 0.25, 0.25]
    assert met.challenger_metrics["roc_auc"] == 1.0
    assert met.challenger_metrics["accuracy"] == 1.0
    labels_only = classify(labels, Answers(labels), Answers(labels, sure, ("no", "yes")))
    assert labels_only.loss is Loss.ZERO_ONE


def test_regressors_meet_on_clipped_errors() -> None:
    met = regress([1.0, 2.0, 3.0], Answers([1.0, 2.0, 9.0]), Answers([1, 2, 3]), scale=2.0)
    assert met.loss is Loss.ABSOLUTE_ERROR
    assert met.champion_losses.tolist() == [0.0, 0.0, 1.0]
    assert met.challenger_metrics["r2"] == 1.0
    assert "r2" not in regress([1.0], Answers([1.0]), Answers([2.0]), scale=1.0).champion_metrics


def test_the_examples_in_the_docs_hold() -> None:
    assert doctest.testmod(splitting).failed == 0
    assert doctest.testmod(contest).failed == 0


def test_whole_numbers_of_a_column_of_doubles_are_the_classes_that_models_say() -> None:
    sure = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    said = Answers([0, 1, 1, 0], sure, (0, 1))
    met = classify([0.0, 1.0, 1.0, 1.0], said, said)
    assert met.champion_metrics["accuracy"] == 0.75
    assert met.champion_metrics["roc_auc"] == pytest.approx(5 / 6)
    assert met.champion_losses.tolist() == [0.0, 0.0, 0.0, 1.0]
