"""The catalogue of checks: what each asks, of which columns, with which parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import FieldError
from datasets.checking.parameters import (
    Bound,
    Choice,
    Name,
    Number,
    Parameter,
    Pattern,
    Values,
)
from datasets.errors import CheckRefused
from datasets.schema import ColumnType, Role, Schema

_ALL = frozenset(ColumnType)
_RANGED = frozenset({ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIMESTAMP})
_TEXT = frozenset({ColumnType.STRING})
_DISCRETE = frozenset({ColumnType.STRING, ColumnType.INTEGER, ColumnType.BOOLEAN})
_MOST_COLUMNS = 2_000

_FRACTION = Number(
    "max_fraction", "Largest share of the values that may break the rule.", 0.0, 1.0, 0.0
)
_AGAINST = Number(
    "against_version",
    "Number of the version to compare with; empty: the one before.",
    1,
    1e9,
    is_whole=True,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of check.

    Attributes
    ----------
    fewest_columns, most_columns
        How many columns it is about; with fewest 0, none named means all that fit.
    types
        Of which types they may be.
    """

    key: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    fewest_columns: int = 1
    most_columns: int = _MOST_COLUMNS
    types: frozenset[ColumnType] = _ALL

    @property
    def defaults(self) -> dict[str, Any]:
        """Every parameter with the value that it has when nothing is said."""
        return {one.name: one.default for one in self.parameters}


KINDS: Mapping[str, Kind] = {
    kind.key: kind
    for kind in (
        Kind(
            "completeness",
            "Completeness",
            "The share of nulls of each column is at most this.",
            (Number("max_null_fraction", "Largest share of nulls.", 0.0, 1.0, 0.0),),
        ),
        Kind(
            "uniqueness",
            "Uniqueness",
            "No two rows have the same value in the column, or the same combination in the columns. "
            "Rows with a null among them are passed over.",
            (Number("max_count", "So many rows may repeat an earlier one.", 0, 1e15, 0, True),),
            most_columns=20,
        ),
        Kind(
            "range",
            "Range",
            "The values lie between two ends, which belong to the range. Nulls are passed over.",
            (
                Bound("minimum", "Least number, or earliest time (ISO 8601)."),
                Bound("maximum", "Largest number, or latest time (ISO 8601)."),
                _FRACTION,
            ),
            types=_RANGED,
        ),
        Kind(
            "set",
            "Closed set",
            "The values are among these. Nulls are passed over.",
            (Values("values", "The values that may occur."), _FRACTION),
            types=_DISCRETE,
        ),
        Kind(
            "regex",
            "Regular expression",
            "The whole text of each value fits an expression in the syntax of RE2. Nulls are passed over.",
            (Pattern("pattern", "The expression."), _FRACTION),
            types=_TEXT,
        ),
        Kind(
            "type",
            "Type",
            "The values are of a type; text passes when all of it can be read as the type.",
            (
                Choice("type", "The type.", tuple(item.value for item in ColumnType), "number"),
                _FRACTION,
            ),
        ),
        Kind(
            "row_count",
            "Row count",
            "The number of rows lies between two ends, and near that of the version before.",
            (
                Number("minimum", "Fewest rows.", 0, 1e15, is_whole=True),
                Number("maximum", "Most rows.", 0, 1e15, is_whole=True),
                Number(
                    "max_change_fraction",
                    "Largest change against the version before, as a share of its rows.",
                    0.0,
                    1e6,
                ),
                _AGAINST,
            ),
            fewest_columns=0,
            most_columns=0,
        ),
        Kind(
            "freshness",
            "Freshness",
            "The newest time is at most so old when the version is ingested. Nulls and times that lie in the future "
            "then are passed over.",
            (Number("max_age_hours", "Largest age in hours.", 0.0, 1e6, 24.0),),
            most_columns=1,
            types=frozenset({ColumnType.TIMESTAMP}),
        ),
        Kind(
            "duplicates",
            "Duplicate rows",
            "No row equals an earlier one in every column (or in those that are named); null equals null.",
            (Number("max_count", "So many rows may repeat an earlier one.", 0, 1e15, 0, True),),
            fewest_columns=0,
        ),
        Kind(
            "new_categories",
            "New categories",
            "Every value occurs in the version before as well. Nulls are passed over.",
            (Number("max_count", "So many new values may occur.", 0, 1e9, 0, True), _AGAINST),
            types=_DISCRETE,
        ),
        Kind(
            "drift",
            "Drift",
            "The distribution of no column differs from that of the version before: neither surely "
            "(Benjamini-Hochberg q-value over the columns) nor by much (Jensen-Shannon distance, base 2), "
            "only both together fail.",
            (
                Number("level", "Largest q-value that counts as sure.", 1e-12, 0.5, 0.01),
                Number("effect_floor", "Smallest distance that matters.", 0.0, 1.0, 0.1),
                Number("min_rows", "With fewer rows there is no verdict.", 2, 1e9, 50, True),
                _AGAINST,
            ),
            fewest_columns=0,
        ),
        Kind(
            "foreign_key",
            "Foreign key",
            "Every value occurs in a column of another dataset of the project, in its newest version. "
            "Nulls are passed over.",
            (
                Name("dataset", "Name of the other dataset."),
                Name("column", "Its column."),
                _FRACTION,
            ),
            most_columns=1,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check, complete enough to be carried out."""

    kind: str
    columns: tuple[str, ...]
    parameters: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The check in a few words."""
        about = ", ".join(self.columns[:4]) + (" …" if len(self.columns) > 4 else "")
        title = KINDS[self.kind].title
        return f"{title}: {about}" if about else title


def checked_spec(
    kind: object, columns: object, parameters: object, *, schema: Schema | None = None
) -> CheckSpec:
    """Return a check that can be carried out, with the defaults filled in.

    Parameters
    ----------
    schema
        Of the newest version; the columns must be there and be of a type that the kind knows.

    Raises
    ------
    CheckRefused
        Naming each field that is wrong: ``kind``, ``columns``, ``parameters.pattern``.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise CheckRefused(f"Choose one of {', '.join(KINDS)}.", field="kind")
    entry = KINDS[kind]
    if not isinstance(columns, list | tuple) or not all(isinstance(one, str) for one in columns):
        raise CheckRefused("The columns must be a list of names.", field="columns")
    if not isinstance(parameters, Mapping):
        raise CheckRefused("The parameters must be an object.", field="parameters")
    named = tuple(dict.fromkeys(columns))
    found = [*_column_complaints(entry, named, schema), *_complaints(entry, parameters)]
    if found:
        raise CheckRefused(f"{found[0].field}: {found[0].message}.", errors=found)
    kept = {one.name: parameters.get(one.name) for one in entry.parameters}
    filled = {
        name: entry.defaults[name] if value is None else value for name, value in kept.items()
    }
    return CheckSpec(kind, named, filled)


def _column_complaints(
    entry: Kind, columns: Sequence[str], schema: Schema | None
) -> list[FieldError]:
    if len(columns) < entry.fewest_columns:
        return [FieldError("columns", "name at least one column")]
    if len(columns) > entry.most_columns:
        most = "no column" if entry.most_columns == 0 else f"at most {entry.most_columns} column(s)"
        return [FieldError("columns", f"this kind takes {most}")]
    if schema is None:
        return []
    unknown = [name for name in columns if name not in schema]
    if unknown:
        return [FieldError("columns", f"the dataset has no column {unknown[0]!r}")]
    wrong = [name for name in columns if schema.column(name).type not in entry.types]
    if wrong:
        kinds = ", ".join(sorted(item.value for item in entry.types))
        return [FieldError("columns", f"{wrong[0]!r} is not of a type that fits ({kinds})")]
    return []


def _complaints(entry: Kind, parameters: Mapping[str, Any]) -> list[FieldError]:
    known = {one.name: one for one in entry.parameters}
    found = [
        FieldError(f"parameters.{str(name)[:60]}", "this kind has no such parameter")
        for name in parameters
        if name not in known
    ]
    for name, one in known.items():
        value = parameters.get(name)
        said = one.complaint(one.default if value is None else value)
        if said:
            found.append(FieldError(f"parameters.{name}", said))
    if not found:
        found.extend(_together(entry, parameters))
    return found


def _together(entry: Kind, parameters: Mapping[str, Any]) -> list[FieldError]:
    """Return what is wrong with parameters that are all right one by one."""
    if entry.key not in ("range", "row_count"):
        return []
    low, high = parameters.get("minimum"), parameters.get("maximum")
    if low is None and high is None and parameters.get("max_change_fraction") is None:
        return [FieldError("parameters.minimum", "say at least one end")]
    if low is None or high is None:
        return []
    if isinstance(low, str) != isinstance(high, str):
        return [FieldError("parameters.maximum", "both ends must be numbers, or both times")]
    if isinstance(low, str):
        earliest = coerce_moment(low)
        return (
            [FieldError("parameters.maximum", "must not be before the minimum")]
            if coerce_moment(high) < earliest
            else []
        )
    return [FieldError("parameters.maximum", "must not be below the minimum")] if high < low else []


def coerce_moment(text: str) -> Any:
    """Return the moment that a text spells."""
    from datasets.schema import coerce

    return coerce(text, ColumnType.TIMESTAMP)


def columns_meant(spec: CheckSpec, schema: Schema) -> tuple[str, ...]:
    """Return the columns that a check is about: those named, else all that fit.

    Drift looks at features (and the target) when nothing is named.
    """
    if spec.columns:
        return spec.columns
    entry = KINDS[spec.kind]
    if entry.most_columns == 0:
        return ()
    if spec.kind == "drift":
        looked_at = (Role.FEATURE, Role.TARGET)
        return tuple(c.name for c in schema if c.role in looked_at)
    return schema.names
