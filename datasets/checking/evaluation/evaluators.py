"""Which function carries out which kind of check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from datasets.checking.evaluation.history import drift, freshness, new_categories, row_count
from datasets.checking.evaluation.outcomes import CheckVerdict, Outcome, Subject
from datasets.checking.evaluation.repeats import duplicates, uniqueness
from datasets.checking.evaluation.types import column_type
from datasets.checking.evaluation.values import (
    completeness,
    foreign_key,
    regex,
    value_range,
    value_set,
)
from datasets.checking.kinds import KINDS, CheckSpec, columns_meant


def evaluate(spec: CheckSpec, subject: Subject) -> Outcome:
    """Carry a check out; it answers in every case."""
    schema = subject.rows.schema
    columns = columns_meant(spec, schema)
    missing = [name for name in columns if name not in schema]
    if missing:
        return Outcome(CheckVerdict.ERROR, f"The version has no column {missing[0]!r}.")
    fitting = KINDS[spec.kind].types
    wrong = [name for name in columns if schema.column(name).type not in fitting]
    if wrong:
        kind = schema.column(wrong[0]).type.value
        return Outcome(CheckVerdict.ERROR, f"Column {wrong[0]!r} is {kind}, which does not fit.")
    return _EVALUATORS[spec.kind](spec, columns, subject)


_EVALUATORS: Mapping[str, Callable[[CheckSpec, Sequence[str], Subject], Outcome]] = {
    "completeness": completeness,
    "uniqueness": uniqueness,
    "range": value_range,
    "set": value_set,
    "regex": regex,
    "type": column_type,
    "row_count": row_count,
    "freshness": freshness,
    "duplicates": duplicates,
    "new_categories": new_categories,
    "drift": drift,
    "foreign_key": foreign_key,
}
