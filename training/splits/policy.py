"""How rows are split, as it is asked for and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from core.errors import FieldError
from training.errors import SplitRefused

PolicyKind = Literal["random", "stratified", "group", "time"]

#: Each policy and what it does, in words.
POLICIES: Mapping[PolicyKind, str] = {
    "random": "rows are drawn at random",
    "stratified": "rows are drawn at random, each class in the same share on both sides",
    "group": "all rows of a group are on the same side",
    "time": "the newest rows are tested, with a gap before them if wanted",
}
_MOST_GAP_HOURS = 24 * 366 * 10


@dataclass(frozen=True, slots=True)
class SplitPolicy:
    """How rows are split into those to learn from and those to test on.

    Attributes
    ----------
    column
        Of the groups (``group``) or of the moments (``time``).
    gap_hours
        Rows of so many hours before the first tested row are left out (``time``).
    """

    policy: PolicyKind
    column: str = ""
    gap_hours: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as JSON-compatible values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> SplitPolicy:
        """Return the policy that :meth:`to_dict` wrote, or that somebody asks for.

        Raises
        ------
        SplitRefused
            Naming the part that cannot be used, as ``split.gap_hours``.
        """
        errors = [
            FieldError(f"split.{key}"[:200], "is not known; there are policy, column and gap_hours")
            for key in value
            if key not in cls.__slots__
        ]
        policy, column, gap = (
            value.get("policy"),
            value.get("column") or "",
            value.get("gap_hours") or 0.0,
        )
        if policy not in POLICIES:
            errors.append(FieldError("split.policy", f"must be one of {', '.join(POLICIES)}"))
        needs_column = policy in ("group", "time")
        if not isinstance(column, str) or (needs_column and not column):
            errors.append(FieldError("split.column", "name the column"))
        elif column and policy in ("random", "stratified"):
            errors.append(FieldError("split.column", f"the policy {policy} takes no column"))
        if isinstance(gap, bool) or not isinstance(gap, int | float):
            errors.append(FieldError("split.gap_hours", "must be a number of hours"))
        elif not 0 <= gap <= _MOST_GAP_HOURS:
            errors.append(
                FieldError("split.gap_hours", f"must lie between 0 and {_MOST_GAP_HOURS:,}")
            )
        elif gap and policy != "time":
            errors.append(FieldError("split.gap_hours", "only the policy time has a gap"))
        if errors:
            raise SplitRefused(f"{errors[0].field}: {errors[0].message}", errors=errors)
        return cls(cast("PolicyKind", policy), column, float(gap))
