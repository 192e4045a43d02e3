"""Which column names a dataset may have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from core.errors import FieldError
from datasets.errors import BadHeader, TooManyColumns

MAX_COLUMNS = 2_000
MAX_NAME_LENGTH = 200
_MOST_COMPLAINTS = 20
_RESERVED = re.compile(r"__.*__", re.DOTALL)


def check_names(names: Sequence[str], *, field: str = "file") -> tuple[str, ...]:
    """Return the names as they will be stored, or refuse them.

    Names are stripped of surrounding white space and brought to Unicode normal form C, so that two
    spellings of the same letters are one name. At most 2,000 columns of at most 200 characters
    each are allowed.

    Parameters
    ----------
    field
        Where the names were given; it is named when they are refused.

    Raises
    ------
    TooManyColumns
        There are more than 2,000 names.
    BadHeader
        A name is empty, too long, holds a control character, is reserved (``__name__``), or equals
        another one (also when only upper and lower case differ: SQL engines on the lake could not
        tell them apart).
    """
    if len(names) > MAX_COLUMNS:
        raise TooManyColumns(
            f"There are {len(names)} columns; at most {MAX_COLUMNS} are allowed.", field=field
        )
    complaints: list[str] = []
    seen: dict[str, tuple[int, str]] = {}
    stored: list[str] = []
    for position, raw in enumerate(names, start=1):
        name = unicodedata.normalize("NFC", raw.strip())
        stored.append(name)
        complaint = _complaint(name)
        if complaint is not None:
            complaints.append(f"column {position} {complaint}")
            continue
        earlier = seen.setdefault(name.casefold(), (position, name))
        if earlier[0] != position:
            what = "the same name" if earlier[1] == name else "up to case the same name"
            complaints.append(f"columns {earlier[0]} and {position} have {what} ({_shown(name)})")
    if complaints:
        more = len(complaints) - _MOST_COMPLAINTS
        text = "; ".join(complaints[:_MOST_COMPLAINTS]) + (f"; and {more} more" if more > 0 else "")
        raise BadHeader(
            f"{text[0].upper()}{text[1:]}.",
            errors=[FieldError(field, complaint) for complaint in complaints[:_MOST_COMPLAINTS]],
        )
    return tuple(stored)


def _complaint(name: str) -> str | None:
    if not name:
        return "has no name (a row index that was saved with the data?)"
    if len(name) > MAX_NAME_LENGTH:
        return f"has a name of {len(name)} characters; at most {MAX_NAME_LENGTH} are allowed"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return f"has a control character in its name ({_shown(name)})"
    if _RESERVED.fullmatch(name):
        return f"has a reserved name ({_shown(name)}): double underscores are for the platform"
    return None


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:57] + "...")
