"""What a column is probably for."""

from __future__ import annotations

import re

from datasets.profile.columns import ColumnProfile
from datasets.schema import ColumnType, Role

_IDENTIFIER_NAME = re.compile(r"(?:^|[_\W])(?:id|uuid|guid|key|index|instant|row)$|[a-z]I[dD]$")
_FEWEST_ROWS = 20


def role_of(profile: ColumnProfile) -> Role:
    """Return the role that name, type and values suggest.

    A column of moments is a timestamp. A column of text or integers is an identifier when it has
    at least 20 rows, a different value in each, and a name that ends in ``id``, ``uuid``,
    ``guid``, ``key``, ``index``, ``instant`` or ``row`` as a word of its own. Of a table too long for
    counting, a sample without repetitions and an estimate near the number of rows are enough: what names
    rows is no feature, even if a few values should occur twice. Everything else is a feature; which column
    is the target is said when training.
    """
    if profile.type is ColumnType.TIMESTAMP:
        return Role.TIMESTAMP
    could_identify = profile.type in (ColumnType.STRING, ColumnType.INTEGER)
    if could_identify and profile.rows >= _FEWEST_ROWS and profile.seems_unique:
        name = profile.name
        if _IDENTIFIER_NAME.search(name) or _IDENTIFIER_NAME.search(name.lower()):
            return Role.IDENTIFIER
    return Role.FEATURE
