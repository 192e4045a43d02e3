"""What a search for a subject found, as plain values; never the subject's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Advice(StrEnum):
    """What becomes of a finding."""

    ERASED = "erased"
    """The rows are removed."""
    REBUILT = "rebuilt"
    """What was measured on the rows is measured again without them."""
    REMOVED = "removed"
    """The whole file is removed."""
    MARKED = "marked"
    """It learnt from the rows and cannot unlearn them: it is marked, and should be made anew."""
    NOTED = "noted"
    """It only refers to the rows; nothing of them is in it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the subject's rows are in, or that was made from them.

    Attributes
    ----------
    kind
        ``dataset_version``, ``prediction``, ``ground_truth``, ``model_version`` …
    label
        Its name for a person.
    rows
        How many rows are the subject's; None where that cannot be said.
    total
        Out of how many.
    target
        ``app.model`` and id, where there is a row to look at.
    detail
        A sentence more.
    """

    kind: str
    label: str
    advice: Advice
    rows: int | None = None
    total: int | None = None
    target: tuple[str, str] | None = None
    detail: str = ""

    @property
    def holds_rows(self) -> bool:
        """Whether rows of the subject are in it (and not only something that was made from them)."""
        return self.advice in (Advice.ERASED, Advice.REMOVED, Advice.REBUILT)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-compatible values."""
        values = asdict(self)
        values["advice"] = self.advice.value
        values["target"] = list(self.target) if self.target else None
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """Return what :meth:`to_dict` wrote."""
        target = values.get("target")
        return cls(
            **{
                **values,
                "advice": Advice(values["advice"]),
                "target": (str(target[0]), str(target[1])) if target else None,
            }
        )
