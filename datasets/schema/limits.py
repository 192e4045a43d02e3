"""Which values of its type a column may hold: a range or a closed set, and whether predictions must obey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

#: A number, a truth value, text, or the ISO 8601 spelling of a moment in UTC.
Limit = int | float | str | bool


@dataclass(frozen=True, slots=True)
class ValueLimits:
    """The range (both ends belong to it) or the closed set of a column's values; null is not their business.

    Attributes
    ----------
    minimum, maximum
        Of integers and numbers, or (as ISO 8601) of moments.
    categories
        The only values that occur; of text, integers and truth values.
    enforce
        Whether a prediction request outside of them is refused. When not, it is answered and flagged.

    Examples
    --------
    >>> import pyarrow as pa
    >>> limits = ValueLimits(minimum=0, maximum=10)
    >>> limits.complaint(11)
    'must be at most 10'
    >>> limits.misfits(pa.array([3, 11, None])).to_pylist()
    [False, True, False]
    """

    minimum: Limit | None = None
    maximum: Limit | None = None
    categories: tuple[Limit, ...] | None = None
    enforce: bool = False

    def __bool__(self) -> bool:
        return not (self.minimum is None and self.maximum is None and self.categories is None)

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with one value (that was coerced, and is not null), or None."""
        if self.categories is not None and value not in self.categories:
            return "is none of the values of the schema"
        if self.minimum is not None and value < _bound(self.minimum, value):
            return f"must be at least {self.minimum}"
        if self.maximum is not None and value > _bound(self.maximum, value):
            return f"must be at most {self.maximum}"
        return None

    def misfits(self, array: pa.Array) -> pa.Array:
        """Tell which values of an array (of its column's Arrow type) break the limits; null never does."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wrong = pa.repeat(False, len(array))
        if self.categories is not None:
            allowed = pa.array(list(self.categories)).cast(array.type)
            wrong = pc.or_(wrong, pc.invert(pc.is_in(array, value_set=allowed, skip_nulls=True)))
        if self.minimum is not None:
            wrong = pc.or_(wrong, pc.less(array, self._scalar(self.minimum, array.type)))
        if self.maximum is not None:
            wrong = pc.or_(wrong, pc.greater(array, self._scalar(self.maximum, array.type)))
        return pc.and_(pc.fill_null(wrong, False), pc.is_valid(array))

    @staticmethod
    def _scalar(limit: Limit, type_: pa.DataType) -> pa.Scalar:
        import pyarrow as pa

        if isinstance(limit, str):
            return pa.scalar(datetime.fromisoformat(limit), type_)
        # A bound with a fraction may stand before integers.
        return pa.scalar(limit)

    def to_dict(self) -> dict[str, Any]:
        """Return what is limited, as JSON-compatible values."""
        found: dict[str, Any] = {}
        if self.minimum is not None:
            found["minimum"] = self.minimum
        if self.maximum is not None:
            found["maximum"] = self.maximum
        if self.categories is not None:
            found["categories"] = list(self.categories)
        if self.enforce:
            found["enforce"] = True
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ValueLimits:
        """Return the limits that :meth:`to_dict` described."""
        categories = data.get("categories")
        return cls(
            minimum=stored_limit(data.get("minimum")),
            maximum=stored_limit(data.get("maximum")),
            categories=None if categories is None else tuple(categories),
            enforce=bool(data.get("enforce", False)),
        )


def stored_limit(limit: Any) -> Any:
    """Return a limit as it was before it was stored: PostgreSQL gives the double ``1e20`` back as a whole number."""
    if isinstance(limit, int) and not -(2**63) <= limit < 2**63:
        return float(limit)
    return limit


#: Of a column of which nothing was said.
UNLIMITED = ValueLimits()


def _bound(limit: Limit, value: Any) -> Any:
    if isinstance(limit, str) and isinstance(value, datetime):
        return datetime.fromisoformat(limit)
    return limit
