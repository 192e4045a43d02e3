"""Integers that a double does not carry: every way in says the same of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models_registry.runtimes.proof import through_the_wire
from models_registry.signatures import (
    Field,
    InputRefused,
    Signature,
    columns_from_arrays,
    columns_from_frame,
    columns_from_matrix,
    columns_from_records,
)
from models_registry.signatures.batches import read_rows
from serving.prediction_log.features import FeatureBlock
from training.execution import TrainingSpec, fit_version

MOST = 2**63 - 1
WHOLE = Signature((Field("x", "integer", nullable=True),), "regression")
REAL = Signature((Field("x", "number", nullable=True),), "regression")
CASES = [2**53 + 1, 2**62, 2**62 + 1, MOST, -(2**63), 1e30, -1e30, 2.0**63, 2.5, None, 7]


def is_taken(way: Any) -> bool:
    try:
        way()
    except InputRefused:
        return False
    return True


@pytest.mark.parametrize("value", CASES)
@pytest.mark.parametrize("signature", [WHOLE, REAL])
def test_every_way_in_takes_the_same_numbers(signature: Signature, value: Any) -> None:
    kind = pa.float64() if isinstance(value, float) else pa.int64()
    batch = pa.record_batch({"x": pa.array([value], kind)})
    array = np.array([np.nan if value is None else value])
    taken = is_taken(lambda: columns_from_records(signature, [{"x": value}]))
    assert is_taken(lambda: columns_from_arrays(signature, {"x": array})) == taken
    assert is_taken(lambda: columns_from_matrix(signature, array.reshape(1, 1))) == taken
    assert read_rows(signature, batch).refused.tolist() == [not taken]


def test_the_largest_integers_survive_the_wire_and_the_log() -> None:
    columns = columns_from_records(WHOLE, [{"x": MOST}, {"x": -(2**63)}, {"x": 5}])
    again = through_the_wire(columns)
    np.testing.assert_array_equal(again.numeric, columns.numeric)
    assert np.asarray(FeatureBlock.of(columns).columns[0]).tolist() == [MOST, -(2**63), 5]


@pytest.mark.parametrize("missing_every", [0, 9])
@pytest.mark.parametrize("least", [0, 2**62, MOST - 100])
def test_a_model_answers_the_integers_that_it_was_trained_on(
    least: int, missing_every: int
) -> None:
    rng = np.random.default_rng(4)
    values: list[int | None] = [least + int(one) for one in rng.integers(0, 100, 120)]
    if missing_every:
        values[::missing_every] = [None] * len(values[::missing_every])
    table = pa.table(
        {
            "size": rng.normal(size=120),
            "key": pa.array(values, pa.int64()),
            "y": rng.normal(size=120),
        }
    )
    spec = TrainingSpec(
        target="y",
        features=("size", "key"),
        task="regression",
        estimator="hist_gradient_boosting",
        params={"max_iter": 10},
        folds=2,
    )
    types = {"size": "number", "key": "integer", "y": "number"}
    fitted = fit_version(spec, table, types=types)
    key = fitted.signature.inputs[1]
    assert (key.type, key.nullable) == ("integer", bool(missing_every))
    rows = table.select(["size", "key"]).slice(0, 20)
    asked = columns_from_records(fitted.signature, rows.to_pylist())
    frame = columns_from_frame(fitted.signature, rows.to_pandas())
    np.testing.assert_array_equal(asked.numeric, frame.numeric)
    scored = read_rows(fitted.signature, rows.combine_chunks().to_batches()[0])
    assert not scored.refused.any()
    np.testing.assert_array_equal(scored.columns.numeric, asked.numeric)
