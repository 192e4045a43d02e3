"""What a cell of text can be read as: the one place that says so.

Every function takes an Arrow string array without nulls and answers with a Boolean array of the
same length. A value is only read as a number when nothing of it is lost by doing so: leading
zeros, a leading plus sign, integers beyond 64 bits, and decimals with more digits than a double
carries make a column text.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MISSING = pa.array(["", "na", "n/a", "#n/a", "nan", "-nan", "null", "none"])
"""Cells (in lower case, trimmed) that stand for "no value" in a column that is not text."""

_INFINITE = r"^[+-]?(?i:inf|infinity)$"
_INTEGER = r"^(?:0|-?[1-9][0-9]{0,18})$"
_NUMBER = r"^-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?$"
_COMMA_NUMBER = r"^-?(?:0|[1-9][0-9]*)(?:,[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?$"
_MAY_LOSE_DIGITS = r"[eE]|[0-9.,-]{16}"
_MOST_DIGITS = 800
"""No double has more significant decimal digits than 767."""
_TIMESTAMP = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
_ZONED = r"[T ][0-9:.]+(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)$"
_NAIVE = pa.timestamp("us")
_UTC = pa.timestamp("us", tz="UTC")
FIRST_MOMENT_US = -62_135_596_800_000_000
"""Microseconds from 1970 to 0001-01-01T00:00:00Z, the first moment that Python can name."""
LAST_MOMENT_US = 253_402_300_799_999_999
"""Microseconds from 1970 to 9999-12-31T23:59:59.999999Z, the last one."""


def trimmed(values: pa.Array) -> pa.Array:
    """Return the cells without white space around them."""
    return pc.utf8_trim_whitespace(values)


def is_missing(values: pa.Array) -> pa.Array:
    """Tell which trimmed cells stand for no value."""
    return pc.is_in(pc.utf8_lower(values), value_set=MISSING)


def is_boolean(values: pa.Array) -> pa.Array:
    """Tell which trimmed cells say ``true`` or ``false`` in any case."""
    return pc.is_in(pc.utf8_lower(values), value_set=pa.array(["true", "false"]))


def is_integer(values: pa.Array) -> pa.Array:
    """Tell which trimmed cells are 64-bit integers without leading zeros or a plus sign."""
    looks = pc.match_substring_regex(values, _INTEGER)
    longest = pc.fill_null(pc.max(pc.binary_length(values)), 0).as_py()
    if longest < 19:
        return looks
    return pa.array(
        [
            bool(ok) and -(2**63) <= int(text) < 2**63
            for text, ok in zip(values.to_pylist(), looks.to_pylist(), strict=True)
        ],
        pa.bool_(),
    )


def is_infinite(values: pa.Array) -> pa.Array:
    """Tell which trimmed cells spell an infinity."""
    return pc.match_substring_regex(values, _INFINITE)


def looks_numeric(values: pa.Array, *, decimal_comma: bool = False) -> pa.Array:
    """Tell which trimmed cells are written as decimal numbers, whether or not a double carries them."""
    return pc.match_substring_regex(values, _COMMA_NUMBER if decimal_comma else _NUMBER)


def is_number(values: pa.Array, *, decimal_comma: bool = False) -> pa.Array:
    """Tell which trimmed cells are decimal numbers that a double carries; see :func:`carries`."""
    looks = looks_numeric(values, decimal_comma=decimal_comma)
    check = pc.and_(looks, pc.match_substring_regex(values, _MAY_LOSE_DIGITS))
    positions = np.flatnonzero(check.to_numpy(zero_copy_only=False))
    if len(positions) == 0:
        return looks
    good = looks.to_numpy(zero_copy_only=False).copy()
    texts = values.take(pa.array(positions)).to_pylist()
    good[positions] = [carries(text.replace(",", ".")) for text in texts]
    return pa.array(good, pa.bool_())


def is_fraction(values: pa.Array) -> pa.Array:
    """Tell which numbers are not written as a plain integer (``-0`` and infinities are not)."""
    return pc.match_substring_regex(values, r"[.,eEiI]|^-0$")


def carries(text: str) -> bool:
    """Whether a double carries a decimal number back to the same text.

    The nearest double, written in its shortest form or with as many significant digits as the text has,
    must be the same number. Up to 15 digits that is always so; ``0.1`` written out to 25 digits as the double really is
    passes as well; twenty digits of something else do not. A number beyond the largest double counts
    as carried: it is refused by name where numbers are read.
    """
    value = float(text)
    if value in (float("inf"), float("-inf")):
        return True
    mantissa = text.lower().partition("e")[0].lstrip("-").replace(".", "").lstrip("0")
    if not mantissa:
        return True
    if value == 0 or len(text) > 2 * _MOST_DIGITS:
        return False
    digits, written = min(len(mantissa), _MOST_DIGITS), Decimal(text)
    return Decimal(repr(value)) == written or Decimal(f"{value:.{digits - 1}e}") == written


def is_zoned(values: pa.Array) -> pa.Array:
    """Tell which timestamps name their offset from UTC."""
    return pc.match_substring_regex(values, _ZONED)


def is_timestamp(values: pa.Array) -> pa.Array:
    """Tell which trimmed cells are ISO 8601 dates or moments between the years 1 and 9999."""
    looks = pc.match_substring_regex(values, _TIMESTAMP)
    if not pc.any(looks).as_py():
        return looks
    candidates = values.filter(looks)
    try:
        parsed = parse_timestamps(candidates)
    except pa.ArrowInvalid:
        good = [_is_moment(text) for text in candidates.to_pylist()]
    else:
        micros = parsed.cast(pa.int64()).to_numpy()
        good = ((micros >= FIRST_MOMENT_US) & (micros <= LAST_MOMENT_US)).tolist()
    mask = np.zeros(len(values), dtype=bool)
    mask[np.flatnonzero(looks.to_numpy(zero_copy_only=False))] = good
    return pa.array(mask)


def _is_moment(text: str) -> bool:
    try:
        value = parse_timestamps(pa.array([text]))[0].value
    except pa.ArrowInvalid:
        return False
    return bool(FIRST_MOMENT_US <= value <= LAST_MOMENT_US)


def parse_timestamps(values: pa.Array) -> pa.Array:
    """Read ISO 8601 cells as moments in UTC; a cell without an offset is taken to be in UTC.

    Nulls stay null.

    Raises
    ------
    pyarrow.ArrowInvalid
        A cell is no valid moment (30 February).
    """
    zoned = pc.fill_null(is_zoned(values), False)
    nothing = pa.scalar(None, pa.string())
    with_zone = pc.if_else(zoned, values, nothing).cast(_UTC)
    without = pc.if_else(zoned, nothing, values).cast(_NAIVE)
    return pc.coalesce(with_zone, pc.assume_timezone(without, "UTC"))
