"""What a person may choose about the reading of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core.errors import Invalid
from datasets.formats.bad_rows import Quarantine

REFUSE: Final = "refuse"
PUT_ASIDE: Final = "quarantine"
ON_BAD_ROWS: Final = (REFUSE, PUT_ASIDE)
MOST_BAD_ROWS: Final = 100_000
USUAL_BAD_SHARE: Final = 0.01
_SHEET_NAME_LENGTH = 31


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is to be read.

    Parameters
    ----------
    on_bad_rows
        ``refuse``: one row that cannot be read refuses the file; ``quarantine``: such rows are put aside.
    most_bad_share
        The share of the rows (0 to 1) that may be put aside; with more, the file is refused after all. More
        than 100,000 rows are never put aside.
    sheet
        Of a workbook: which sheet; the first one, when empty.

    Raises
    ------
    Invalid
        A value is not one of those.
    """

    on_bad_rows: str = REFUSE
    most_bad_share: float = USUAL_BAD_SHARE
    sheet: str = ""

    def __post_init__(self) -> None:
        if self.on_bad_rows not in ON_BAD_ROWS:
            raise Invalid(f"Choose one of {', '.join(ON_BAD_ROWS)}.", field="on_bad_rows")
        if not 0 <= self.most_bad_share <= 1:
            raise Invalid("A share is a number from 0 to 1.", field="most_bad_share")
        if len(self.sheet) > _SHEET_NAME_LENGTH:
            raise Invalid(
                f"The name of a sheet has at most {_SHEET_NAME_LENGTH} characters.", field="sheet"
            )

    def quarantine(self) -> Quarantine | None:
        """Return an empty quarantine; None when bad rows are refused."""
        if self.on_bad_rows == REFUSE:
            return None
        return Quarantine(most_share=self.most_bad_share, most_rows=MOST_BAD_ROWS)

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from the usual, as JSON-compatible values."""
        usual = ReadOptions()
        names = ("on_bad_rows", "most_bad_share", "sheet")
        return {n: getattr(self, n) for n in names if getattr(self, n) != getattr(usual, n)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReadOptions:
        """Return the options that :meth:`to_dict` described."""
        usual = cls()
        return cls(
            on_bad_rows=str(data.get("on_bad_rows", usual.on_bad_rows)),
            most_bad_share=float(data.get("most_bad_share", usual.most_bad_share)),
            sheet=str(data.get("sheet", usual.sheet)),
        )
