"""Whether the version is like those before it: its size, its age, new categories, drift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets.checking.drift import DriftThresholds, compare_tables
from datasets.checking.evaluation.outcomes import (
    NOTHING_BEFORE,
    CheckVerdict,
    Outcome,
    Subject,
    baseline_number,
    names_in_words,
    with_context,
)
from datasets.checking.kinds import CheckSpec
from datasets.checking.tables import comparable, micros_of, moment_text, quoted

_MOST_NAMED = 20
_HOUR_US = 3_600_000_000


def row_count(spec: CheckSpec, _: Sequence[str], subject: Subject) -> Outcome:
    """Compare the number of rows with its limits, and with the version before."""
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
        base = subject.baseline(baseline_number(spec))
        if base is not None:
            change = (count - base.row_count) / max(1, base.row_count)
            observed |= {"before": base.row_count, "change_fraction": change}
            if abs(change) > most:
                complaints.append(f"{change:+.1%} rows against {base.label}; ±{most:.1%} may be")
    if complaints:
        text = "; ".join(complaints) + "."
        return Outcome(CheckVerdict.FAILED, text, count, None, observed)
    if most is not None and base is None and low is None and high is None:
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, NOTHING_BEFORE, count, None, observed)
    return Outcome(CheckVerdict.PASSED, f"{count:,} rows.", count, None, observed)


def freshness(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Compare the newest time of a column with when the version was ingested.

    Times that lay in the future then are passed over: one wrong clock would hide for years that nothing comes.
    """
    (name,) = columns
    rows = subject.rows
    value = comparable(rows.schema, name)
    at = micros_of(subject.at)
    newest, count, future = subject.tables.one(
        f"SELECT max({value}) FILTER ({value} <= ?), count({value}), count(*) FILTER ({value} > ?) "  # noqa: S608
        f"FROM {rows.name}",
        [at, at],
    )
    if newest is None:
        missing = "no time" if not future else "no time that had come"
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, f"{name!r} holds {missing}.", count)
    age = (at - newest) / _HOUR_US
    observed = {"newest": moment_text(newest), "age_hours": age, "in_future": future}
    most = spec.parameters["max_age_hours"]
    text = f"The newest time, {moment_text(newest)}, was {age:,.1f} hours old; {most:g} may be."
    if future:
        text += f" {future:,} time(s) in the future were passed over."
    verdict = CheckVerdict.FAILED if age > most else CheckVerdict.PASSED
    samples = []
    if verdict is CheckVerdict.FAILED:
        samples = subject.tables.samples(rows, [name], f"{value} = ?", [newest], limit=1)
    return Outcome(verdict, text, count, None, observed, samples)


def new_categories(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Count the values that the version before does not have."""
    base = subject.baseline(baseline_number(spec))
    if base is None:
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, NOTHING_BEFORE)
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
    samples = tables.samples(rows, with_context(list(new), rows), " OR ".join(conditions))
    text = f"{names_in_words(list(new))}: {values:,} value(s) that {base.label} does not have."
    return Outcome(CheckVerdict.FAILED, text, checked, failed, observed, samples)


def drift(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Compare the distributions of columns with those of the version before."""
    base = subject.baseline(baseline_number(spec))
    if base is None:
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, NOTHING_BEFORE)
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
            f"{names_in_words([one.column for one in drifted])} drifted against {base.label}; most of all "
            f"{worst.column!r} (distance {worst.distance:.2f})."
        )
        return Outcome(CheckVerdict.FAILED, text, len(judged), len(drifted), observed)
    if not judged:
        text = f"There are too few rows to compare with {base.label}."
        return Outcome(CheckVerdict.NOT_ENOUGH_DATA, text, 0, None, observed)
    text = f"No column drifted against {base.label}."
    return Outcome(CheckVerdict.PASSED, text, len(judged), 0, observed)
