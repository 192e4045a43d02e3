"""Limits of the schema in a request: the same verdict as over the rows of a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.schema import ValueLimits
from models_registry.signatures import Field, InputRefused, Signature, columns_from_records
from models_registry.signatures.limited import Limited

_WHOLE = st.integers(-20, 20)
_NUMBER = _WHOLE | st.floats(-20, 20).filter(lambda value: value != 0 or str(value) == "0.0")
_WORD = st.sampled_from(["", "north", "south", "true", "1"])


def _some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...] | None]:
    return st.none() | st.lists(values, min_size=1, max_size=4).map(tuple)


@given(
    limits=st.builds(
        ValueLimits,
        minimum=st.none() | _NUMBER,
        maximum=st.none() | _NUMBER,
        categories=_some(_WHOLE) | _some(st.booleans()),
    ),
    values=st.lists(st.none() | _NUMBER, max_size=12),
)
def test_a_number_breaks_limits_in_a_request_when_it_does_in_a_dataset(
    limits: ValueLimits, values: list[float | None]
) -> None:
    numeric = np.array([[0.0, np.nan if one is None else one] for one in values]).reshape(-1, 2)
    limited = Limited.of("size", limits, place=1, is_numeric=True)
    expected = limits.misfits(pa.array(values, pa.float64())).to_pylist()
    assert limited.misfits(numeric, ()) == [row for row, wrong in enumerate(expected) if wrong]


@given(
    limits=st.builds(ValueLimits, categories=_some(_WORD) | _some(_WHOLE) | _some(st.booleans())),
    values=st.lists(st.none() | _WORD, max_size=12),
)
def test_a_word_breaks_limits_in_a_request_when_it_does_in_a_dataset(
    limits: ValueLimits, values: list[str | None]
) -> None:
    limited = Limited.of("region", limits, place=0, is_numeric=False)
    expected = limits.misfits(pa.array(values, pa.string())).to_pylist()
    found = limited.misfits(np.empty((len(values), 0)), (values,))
    assert found == [row for row, wrong in enumerate(expected) if wrong]


@pytest.mark.parametrize("enforce", [False, True])
def test_values_outside_are_flagged_by_row_and_refused_where_the_schema_says_so(
    enforce: bool,
) -> None:
    signature = Signature(
        inputs=(
            Field("age", "integer", nullable=True, limits=ValueLimits(0, 120, enforce=enforce)),
            Field("region", "string", limits=ValueLimits(categories=("north", "south"))),
        ),
        task="regression",
    )
    rows: list[dict[str, Any]] = [
        {"age": 30, "region": "west"},
        {"age": None, "region": "north"},
        {"age": 121, "region": "north"},
        {"age": -1, "region": "east"},
    ]
    if enforce:
        with pytest.raises(InputRefused) as refused:
            columns_from_records(signature, rows)
        assert [(one.row, one.column) for one in refused.value.complaints] == [
            (2, "age"),
            (3, "age"),
        ]
    else:
        assert columns_from_records(signature, rows).outside == (
            (0, "region"),
            (2, "age"),
            (3, "age"),
            (3, "region"),
        )
