"""Whether each value is there, and one that may be: ranges, sets, expressions, keys of another dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from datasets.checking.evaluation.outcomes import (
    CheckVerdict,
    Outcome,
    Subject,
    names_in_words,
    with_context,
)
from datasets.checking.kinds import CheckSpec, coerce_moment
from datasets.checking.tables import comparable, micros_of, moment_text, quoted
from datasets.schema import ColumnType, NotAValue, coerce
from datasets.schema.limits import stored_limit


def completeness(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Count the nulls of each column."""
    rows = subject.rows
    counted = subject.tables.one(
        f"SELECT {', '.join(f'count({quoted(name)})' for name in columns)} FROM {rows.name}"  # noqa: S608
    )
    nulls = {name: rows.row_count - n for name, n in zip(columns, counted, strict=True)}
    most = spec.parameters["max_null_fraction"]
    shares = {name: n / max(1, rows.row_count) for name, n in nulls.items()}
    bad = [name for name in columns if shares[name] > most]
    observed = {"null_fraction": shares}
    checked = rows.row_count * len(columns)
    if not bad:
        return Outcome(CheckVerdict.PASSED, "No column has too many nulls.", checked, 0, observed)
    condition = " OR ".join(f"{quoted(name)} IS NULL" for name in bad)
    worst = max(bad, key=lambda name: shares[name])
    return Outcome(
        CheckVerdict.FAILED,
        f"{names_in_words(bad)}: too many nulls, {shares[worst]:.2%} in {worst!r}; {most:.2%} are allowed.",
        checked,
        sum(nulls[name] for name in bad),
        observed,
        subject.tables.samples(rows, with_context(bad, rows), condition),
    )


def value_range(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Count the values beyond the ends."""
    low, high = spec.parameters["minimum"], spec.parameters["maximum"]
    conditions: dict[str, tuple[str, list[Any]]] = {}
    for name in columns:
        is_moment = subject.rows.schema.column(name).type is ColumnType.TIMESTAMP
        if any(isinstance(end, str) is not is_moment for end in (low, high) if end is not None):
            wanted = "times" if is_moment else "numbers"
            return Outcome(CheckVerdict.ERROR, f"The ends of {name!r} must be {wanted}.")
        value = comparable(subject.rows.schema, name)
        parts = [(f"{value} < ?", low), (f"{value} > ?", high)]
        kept = [(sql, _end(end)) for sql, end in parts if end is not None]
        conditions[name] = (" OR ".join(sql for sql, _ in kept), [end for _, end in kept])
    said = f"outside of {'…' if low is None else low} to {'…' if high is None else high}"
    return _share_of_misfits(spec, conditions, subject, said, with_ends=True)


def _end(end: Any) -> Any:
    return micros_of(coerce_moment(end)) if isinstance(end, str) else stored_limit(end)


def value_set(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Count the values that are none of those allowed."""
    conditions: dict[str, tuple[str, list[Any]]] = {}
    for name in columns:
        type_ = subject.rows.schema.column(name).type
        allowed = [value for one in spec.parameters["values"] for value in _as(one, type_)]
        if allowed:
            condition = f"{quoted(name)} NOT IN (SELECT unnest(?))"
            conditions[name] = (condition, [allowed])
        else:
            conditions[name] = (f"{quoted(name)} IS NOT NULL", [])
    return _share_of_misfits(spec, conditions, subject, "not among the values")


def _as(value: Any, type_: ColumnType) -> list[Any]:
    """Return the value as the column's type, in a list; an empty one when it cannot be."""
    try:
        return [coerce(value, type_)]
    except NotAValue:
        return []


def regex(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Count the texts that the expression does not match as a whole."""
    pattern = spec.parameters["pattern"]
    conditions = {
        name: (f"NOT regexp_full_match({quoted(name)}, ?)", [pattern]) for name in columns
    }
    return _share_of_misfits(spec, conditions, subject, "not as the expression wants them")


def _share_of_misfits(
    spec: CheckSpec,
    conditions: Mapping[str, tuple[str, list[Any]]],
    subject: Subject,
    said: str,
    *,
    with_ends: bool = False,
) -> Outcome:
    """Count in one pass, for each column, the values and those for which its condition holds."""
    rows, tables = subject.rows, subject.tables
    parts: list[str] = []
    given: list[Any] = []
    for name, (condition, parameters) in conditions.items():
        parts.append(f"count({quoted(name)}), count(*) FILTER (WHERE {condition})")
        given.extend(parameters)
        if with_ends:
            value = comparable(rows.schema, name)
            parts.append(f"min({value}), max({value})")
    found = tables.one(f"SELECT {', '.join(parts)} FROM {rows.name}", given)  # noqa: S608
    width = 4 if with_ends else 2
    counts = {name: found[at * width : (at + 1) * width] for at, name in enumerate(conditions)}
    observed: dict[str, Any] = {
        "failed_fraction": {name: one[1] / max(1, one[0]) for name, one in counts.items()}
    }
    if with_ends:
        observed["ends"] = {
            name: [_end_text(end, rows.schema.column(name).type) for end in one[2:]]
            for name, one in counts.items()
        }
    misfits = {name: one[1] for name, one in counts.items()}
    checked = sum(one[0] for one in counts.values())

    def sample(bad: Sequence[str]) -> list[dict[str, Any]]:
        condition = " OR ".join(f"({conditions[name][0]})" for name in bad)
        values = [value for name in bad for value in conditions[name][1]]
        return tables.samples(rows, with_context(bad, rows), condition, values)

    return judged_by_fraction(spec, misfits, checked, observed, said, sample)


def judged_by_fraction(
    spec: CheckSpec,
    misfits: Mapping[str, int],
    checked: int,
    observed: Mapping[str, Any],
    said: str,
    sample: Callable[[Sequence[str]], list[dict[str, Any]]],
) -> Outcome:
    """Decide by the largest share of values that may not fit, column by column."""
    most = spec.parameters["max_fraction"]
    shares = observed["failed_fraction"]
    bad = [name for name in misfits if shares[name] > most]
    total = sum(misfits.values())
    if not bad:
        text = "Every value fits." if not total else f"{total:,} values do not fit; so many may."
        return Outcome(CheckVerdict.PASSED, text, checked, total, observed)
    count = sum(misfits[name] for name in bad)
    allowed = f"; {most:.2%} are allowed" if most else ""
    return Outcome(
        CheckVerdict.FAILED,
        f"{names_in_words(bad)}: {count:,} value(s) are {said}{allowed}.",
        checked,
        count,
        observed,
        sample(bad),
    )


def _end_text(end: Any, type_: ColumnType) -> Any:
    return moment_text(end) if end is not None and type_ is ColumnType.TIMESTAMP else end


def foreign_key(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Count the values that a column of another dataset does not have."""
    (name,) = columns
    wanted = spec.parameters["column"]
    other = subject.other(spec.parameters["dataset"])
    if other is None:
        text = f"There is no version of {spec.parameters['dataset']!r} to look in."
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, text)
    if wanted not in other.schema:
        return Outcome(CheckVerdict.ERROR, f"{other.label} has no column {wanted!r}.")
    types = {other.schema.column(wanted).type, subject.rows.schema.column(name).type}
    if len(types) > 1 and types != {ColumnType.INTEGER, ColumnType.NUMBER}:
        text = f"{name!r} and {wanted!r} of {other.label} are of different types."
        return Outcome(CheckVerdict.ERROR, text)
    key, theirs = comparable(subject.rows.schema, name), comparable(other.schema, wanted)
    condition = (
        f"{key} IS NOT NULL AND {key} NOT IN "  # noqa: S608
        f"(SELECT {theirs} FROM {other.name} WHERE {quoted(wanted)} IS NOT NULL)"
    )
    said = f"not in {wanted!r} of {other.label}"
    return _share_of_misfits(spec, {name: (condition, [])}, subject, said)
