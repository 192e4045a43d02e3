"""Rows that stand more than once."""

from __future__ import annotations

from collections.abc import Sequence

from datasets.checking.evaluation.outcomes import CheckVerdict, Outcome, Subject
from datasets.checking.kinds import CheckSpec
from datasets.checking.tables import MOST_SAMPLES, ROW, quoted


def uniqueness(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Count the rows whose values, none of them null, an earlier row has."""
    present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
    return _repeats(spec, columns, subject, condition=present)


def duplicates(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Count the rows that equal an earlier one, nulls counted as equal."""
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
