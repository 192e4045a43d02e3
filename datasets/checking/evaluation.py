"""Carrying out a check: measured in SQL over the pinned rows, then decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from datasets.checking.drift import DriftThresholds, compare_tables
from datasets.checking.kinds import KINDS, CheckSpec, coerce_moment, columns_meant
from datasets.checking.tables import (
    MOST_SAMPLES,
    ROW,
    CheckedTable,
    Tables,
    comparable,
    micros_of,
    moment_text,
    quoted,
)
from datasets.schema import ColumnType, NotAValue, coerce
from datasets.schema import text as cell_text

_MOST_NAMED = 20
_HOUR_US = 3_600_000_000


class CheckVerdict(StrEnum):
    """What a check came to; "error" says that it could not be carried out."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ENOUGH_DATA = "not_enough_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found.

    Attributes
    ----------
    checked_count, failed_count
        Values (or rows) looked at, and those that break the rule; None where nothing is counted.
    observed
        What was measured, JSON-compatible; for many kinds one entry for each column.
    samples
        At most 20 offending rows: ``row`` (from 1) and ``values``.
    """

    verdict: CheckVerdict
    message: str
    checked_count: int | None = None
    failed_count: int | None = None
    observed: Mapping[str, Any] = field(default_factory=dict)
    samples: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check is carried out on.

    Attributes
    ----------
    at
        When the version was ingested.
    baseline
        Gives the version of a number, or the one before; None when there is none.
    other
        Gives the newest version of another dataset by its name; None when there is none.
    """

    tables: Tables
    rows: CheckedTable
    at: datetime
    baseline: Callable[[int | None], CheckedTable | None]
    other: Callable[[str], CheckedTable | None]


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


def _completeness(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
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
        f"{_named(bad)}: too many nulls, {shares[worst]:.2%} in {worst!r}; {most:.2%} are allowed.",
        checked,
        sum(nulls[name] for name in bad),
        observed,
        subject.tables.samples(rows, _with_context(bad, rows), condition),
    )


def _uniqueness(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
    return _repeats(spec, columns, subject, condition=present)


def _duplicates(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    return _repeats(spec, columns, subject, condition="TRUE")


def _repeats(
    spec: CheckSpec, columns: Sequence[str], subject: Subject, *, condition: str
) -> Outcome:
    """Count the rows that equal an earlier one.

    A 64-bit hash of each row finds the few that may be twins, and only those are compared value by value.
    """
    rows, tables = subject.rows, subject.tables
    keys = ", ".join(quoted(name) for name in columns)
    twins = (
        f"(SELECT h FROM (SELECT hash({keys}) AS h FROM {rows.name} WHERE {condition}) "  # noqa: S608
        "GROUP BY h HAVING count(*) > 1)"
    )
    among = f"{condition} AND hash({keys}) IN (SELECT h FROM {twins})"  # noqa: S608
    checked = rows.row_count
    if condition != "TRUE":
        checked = tables.one(f"SELECT count(*) FROM {rows.name} WHERE {condition}")[0]  # noqa: S608
    count = tables.one(
        "SELECT coalesce(sum(n - 1), 0) FROM "  # noqa: S608
        f"(SELECT count(*) AS n FROM {rows.name} WHERE {among} GROUP BY {keys})"
    )[0]
    most = spec.parameters["max_count"]
    observed = {"repeated_rows": int(count)}
    if count <= most:
        said = "No row repeats an earlier one." if not count else f"{count:,} rows repeat others."
        return Outcome(CheckVerdict.PASSED, said, checked, int(count), observed)
    first: dict[int, int] = dict(
        tables.all(
            f"SELECT {ROW}, earliest FROM (SELECT {ROW}, min({ROW}) OVER (PARTITION BY {keys}) "  # noqa: S608
            f"AS earliest FROM {rows.name} WHERE {among}) WHERE {ROW} > earliest "
            f"ORDER BY {ROW} LIMIT {MOST_SAMPLES}"
        )
    )
    samples = tables.samples(rows, columns, f"{ROW} IN ({', '.join(map(str, first))})")
    return Outcome(
        CheckVerdict.FAILED,
        f"{count:,} row(s) repeat an earlier one; {most:,.0f} may.",
        checked,
        int(count),
        observed,
        [{**sample, "repeats_row": first[sample["row"] - 1] + 1} for sample in samples],
    )


def _range(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
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
    return micros_of(coerce_moment(end)) if isinstance(end, str) else end


def _set(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
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


def _regex(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
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
        return tables.samples(rows, _with_context(bad, rows), condition, values)

    return _by_fraction(spec, misfits, checked, observed, said, sample)


def _by_fraction(
    spec: CheckSpec,
    misfits: Mapping[str, int],
    checked: int,
    observed: Mapping[str, Any],
    said: str,
    sample: Callable[[Sequence[str]], list[dict[str, Any]]],
) -> Outcome:
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
        f"{_named(bad)}: {count:,} value(s) are {said}{allowed}.",
        checked,
        count,
        observed,
        sample(bad),
    )


def _end_text(end: Any, type_: ColumnType) -> Any:
    return moment_text(end) if end is not None and type_ is ColumnType.TIMESTAMP else end


_READINGS: Mapping[ColumnType, Callable[[pa.Array], pa.Array]] = {
    ColumnType.BOOLEAN: cell_text.is_boolean,
    ColumnType.INTEGER: cell_text.is_integer,
    ColumnType.NUMBER: cell_text.is_number,
    ColumnType.TIMESTAMP: cell_text.is_timestamp,
}


def _type(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    wanted = ColumnType(spec.parameters["type"])
    rows, tables = subject.rows, subject.tables
    misfits: dict[str, int] = {}
    places: dict[str, list[int]] = {}
    shares: dict[str, float] = {}
    checked = 0
    for name in columns:
        found = rows.schema.column(name).type
        widened = found is ColumnType.INTEGER and wanted is ColumnType.NUMBER
        present = tables.one(f"SELECT count({quoted(name)}) FROM {rows.name}")[0]  # noqa: S608
        bad = 0
        where: list[int] = []
        if found is ColumnType.STRING and wanted is not ColumnType.STRING:
            bad, where = _unreadable(tables, rows, name, wanted)
        elif found is not wanted and not widened:
            bad = present
            where = [
                row[0]
                for row in tables.all(
                    f"SELECT {ROW} FROM {rows.name} WHERE {quoted(name)} IS NOT NULL "  # noqa: S608
                    f"ORDER BY {ROW} LIMIT {MOST_SAMPLES}"
                )
            ]
        misfits[name], places[name], shares[name] = bad, where, bad / max(1, present)
        checked += present

    def sample(bad_columns: Sequence[str]) -> list[dict[str, Any]]:
        where = sorted({row for name in bad_columns for row in places[name]})[:MOST_SAMPLES]
        return tables.samples(
            rows, _with_context(bad_columns, rows), f"{ROW} IN ({', '.join(map(str, where))})"
        )

    return _by_fraction(
        spec, misfits, checked, {"failed_fraction": shares}, f"no {wanted.value}", sample
    )


def _unreadable(
    tables: Tables, rows: CheckedTable, name: str, wanted: ColumnType
) -> tuple[int, list[int]]:
    """Count the cells of text that cannot be read as a type, by the rules of ingest; and find the first ones."""
    count = 0
    first: list[int] = []
    reader = tables.batches(
        f"SELECT {ROW}, {quoted(name)} FROM {rows.name} WHERE {quoted(name)} IS NOT NULL "  # noqa: S608
        f"ORDER BY {ROW}"
    )
    for batch in reader:
        cells = cell_text.trimmed(batch.column(1).cast(pa.string()))
        wrong = pc.invert(_READINGS[wanted](cells))
        count += pc.sum(wrong).as_py() or 0
        if len(first) < MOST_SAMPLES:
            first.extend(batch.column(0).filter(wrong).to_pylist()[: MOST_SAMPLES - len(first)])
    return count, first


def _row_count(spec: CheckSpec, _: Sequence[str], subject: Subject) -> Outcome:
    count = subject.rows.row_count
    low, high = spec.parameters["minimum"], spec.parameters["maximum"]
    most = spec.parameters["max_change_fraction"]
    observed: dict[str, Any] = {"row_count": count}
    complaints = []
    if low is not None and count < low:
        complaints.append(f"{count:,} rows are fewer than {low:,.0f}")
    if high is not None and count > high:
        complaints.append(f"{count:,} rows are more than {high:,.0f}")
    base = None
    if most is not None:
        base = subject.baseline(_number(spec))
        if base is not None:
            change = (count - base.row_count) / max(1, base.row_count)
            observed |= {"before": base.row_count, "change_fraction": change}
            if abs(change) > most:
                complaints.append(f"{change:+.1%} rows against {base.label}; ±{most:.1%} may be")
    if complaints:
        text = "; ".join(complaints) + "."
        return Outcome(CheckVerdict.FAILED, text, count, None, observed)
    if most is not None and base is None and low is None and high is None:
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, _NOTHING_BEFORE, count, None, observed)
    return Outcome(CheckVerdict.PASSED, f"{count:,} rows.", count, None, observed)


_NOTHING_BEFORE = "There is no version to compare with."


def _number(spec: CheckSpec) -> int | None:
    number = spec.parameters["against_version"]
    return None if number is None else int(number)


def _freshness(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    (name,) = columns
    rows = subject.rows
    value = comparable(rows.schema, name)
    newest, count = subject.tables.one(
        f"SELECT max({value}), count({value}) FROM {rows.name}"  # noqa: S608
    )
    if newest is None:
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, f"{name!r} holds no time.", 0)
    age = (micros_of(subject.at) - newest) / _HOUR_US
    observed = {"newest": moment_text(newest), "age_hours": age}
    most = spec.parameters["max_age_hours"]
    text = f"The newest time, {moment_text(newest)}, was {age:,.1f} hours old; {most:g} may be."
    verdict = CheckVerdict.FAILED if age > most else CheckVerdict.PASSED
    samples = []
    if verdict is CheckVerdict.FAILED:
        samples = subject.tables.samples(rows, [name], f"{value} = ?", [newest], limit=1)
    return Outcome(verdict, text, count, None, observed, samples)


def _new_categories(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    base = subject.baseline(_number(spec))
    if base is None:
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, _NOTHING_BEFORE)
    rows, tables = subject.rows, subject.tables
    new: dict[str, list[Any]] = {}
    conditions: list[str] = []
    values = failed = checked = 0
    for name in columns:
        known = name in base.schema and (
            base.schema.column(name).type is rows.schema.column(name).type
        )
        if not known:
            text = f"{base.label} has no column {name!r} of the same type."
            return Outcome(CheckVerdict.NOT_ENOUGH_DATA, text)
        key = quoted(name)
        condition = (
            f"{key} IS NOT NULL AND {key} NOT IN "  # noqa: S608
            f"(SELECT {key} FROM {base.name} WHERE {key} IS NOT NULL)"
        )
        distinct, count, present = tables.one(
            f"SELECT count(DISTINCT {key}) FILTER (WHERE {condition}), "  # noqa: S608
            f"count(*) FILTER (WHERE {condition}), count({key}) FROM {rows.name}"
        )
        checked += present
        if distinct:
            values, failed = values + distinct, failed + count
            conditions.append(condition)
            new[name] = [
                row[0]
                for row in tables.all(
                    f"SELECT {key} FROM {rows.name} WHERE {condition} "  # noqa: S608
                    f"GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {_MOST_NAMED}"
                )
            ]
    observed = {"new_values": new, "new_value_count": values, "against": base.label}
    if values <= spec.parameters["max_count"]:
        text = f"No value is new since {base.label}." if not values else f"{values:,} are new."
        return Outcome(CheckVerdict.PASSED, text, checked, failed, observed)
    samples = tables.samples(rows, _with_context(list(new), rows), " OR ".join(conditions))
    text = f"{_named(list(new))}: {values:,} value(s) that {base.label} does not have."
    return Outcome(CheckVerdict.FAILED, text, checked, failed, observed, samples)


def _drift(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    base = subject.baseline(_number(spec))
    if base is None:
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, _NOTHING_BEFORE)
    thresholds = DriftThresholds(
        level=spec.parameters["level"],
        effect_floor=spec.parameters["effect_floor"],
        min_rows=int(spec.parameters["min_rows"]),
    )
    found = compare_tables(subject.tables, base, subject.rows, columns, thresholds)
    observed = {
        "against": base.label,
        "columns": {
            one.column: {"distance": one.distance, "p_value": one.p_value, "q_value": one.q_value}
            for one in found
        },
    }
    drifted = [one for one in found if one.verdict == "drift"]
    judged = [one for one in found if one.verdict != "not_enough_data"]
    if drifted:
        worst = max(drifted, key=lambda one: one.distance or 0.0)
        text = (
            f"{_named([one.column for one in drifted])} drifted against {base.label}; most of all "
            f"{worst.column!r} (distance {worst.distance:.2f})."
        )
        return Outcome(CheckVerdict.FAILED, text, len(judged), len(drifted), observed)
    if not judged:
        text = f"There are too few rows to compare with {base.label}."
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, text, 0, None, observed)
    text = f"No column drifted against {base.label}."
    return Outcome(CheckVerdict.PASSED, text, len(judged), 0, observed)


def _foreign_key(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
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


_EVALUATORS: Mapping[str, Callable[[CheckSpec, Sequence[str], Subject], Outcome]] = {
    "completeness": _completeness,
    "uniqueness": _uniqueness,
    "range": _range,
    "set": _set,
    "regex": _regex,
    "type": _type,
    "row_count": _row_count,
    "freshness": _freshness,
    "duplicates": _duplicates,
    "new_categories": _new_categories,
    "drift": _drift,
    "foreign_key": _foreign_key,
}


def _named(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in columns[:5])
    return shown + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")


def _with_context(columns: Sequence[str], rows: CheckedTable) -> list[str]:
    """Return the columns, and what tells a reader which row it is: the dataset's identifiers."""
    keys = [c.name for c in rows.schema if c.role.value in ("identifier", "timestamp")]
    return list(dict.fromkeys([*columns, *keys[:3]]))
