"""Whether decimals of many digits are what their nearest doubles give, rounded: for a whole batch at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_DOT = ord(".")
_MOST_FRACTION = 22
"""Powers of ten up to this one are doubles without rounding."""
_POWERS = np.array([float(10**power) for power in range(_MOST_FRACTION + 1)])
_LARGEST = 2**62
_SPLIT = 2.0**27 + 1.0
_ALMOST_HALF = 0.499999

_MOST_WHOLE_FRACTION = 19
"""Half of ten to this power is below 2^63."""
_WHOLE_POWERS = np.array(
    [10**power for power in range(_MOST_WHOLE_FRACTION + 1)], dtype=np.uint64
).view(np.int64)
_FRACTION_BITS = 52
_EXPONENT = 0x7FF
_UNIT = 1075
"""A double whose exponent is stored as e counts in units of 2^(e - 1075)."""
_FINEST = 62

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def surely_rounded(cells: pa.Array, values: Floats) -> npt.NDArray[np.bool_]:
    """Tell which decimals are certainly their double, rounded to as many digits.

    A decimal with q digits behind its point is m / 10^q for an integer m. It is the double d rounded to
    those digits when m differs from d·10^q by less than a half. See :func:`_differ_little` for how that is told
    without rounding, and :func:`_differ_little_by_doubles` for the numbers for which this is not possible.

    Parameters
    ----------
    cells
        Arrow string array of plain decimals (sign, digits, at most one point), without nulls.
    values
        The double that is nearest to each.
    """
    nothing = np.zeros(len(cells), dtype=np.bool_)
    _, offsets, data = cells.buffers()
    if len(cells) == 0 or data is None:
        return nothing
    ends = np.frombuffer(offsets, "<i4", count=cells.offset + len(cells) + 1)[cells.offset :]
    content = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    dots = np.flatnonzero(content == _DOT)
    if len(dots) != len(cells):
        return nothing  # some of them are integers
    ends = ends - ends[0]
    fraction = ends[1:] - dots - 1
    whole = _without_dots(content, ends)
    if whole is None:
        return nothing
    sure = _differ_little(whole, values, fraction)
    rest = np.flatnonzero(~sure)
    if len(rest):
        sure[rest] = _differ_little_by_doubles(whole[rest], values[rest], fraction[rest])
    return sure


def _without_dots(content: npt.NDArray[np.uint8], ends: npt.NDArray[np.int32]) -> Integers | None:
    """Return numbers, each of which has one point, without it; None when one of them passes 64 bits."""
    digits = content.tobytes().replace(b".", b"")
    offsets = ends - np.arange(len(ends), dtype=np.int32)
    texts = pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(offsets), pa.py_buffer(digits))
    try:
        return np.asarray(texts.cast(pa.int64()).to_numpy(), dtype=np.int64)
    except pa.ArrowInvalid:
        return None


def _differ_little(whole: Integers, values: Floats, fraction: Integers) -> npt.NDArray[np.bool_]:
    """Tell for which numbers |m - d·10^q| < 1/2, in integers alone; False where they do not suffice.

    With d = ±M / 2^k the question is whether |m·2^k - M·10^q| < 2^(k - 1). The difference is at most 10^q / 2, because d is
    the double that is nearest to m / 10^q; up to q = 19 that is less than 2^63, and so the difference is right even
    where both products pass 64 bits and only their lowest 64 bits are kept.
    """
    bits = values.view(np.int64)
    k = _UNIT - (bits >> _FRACTION_BITS & _EXPONENT)
    mantissa = bits & (1 << _FRACTION_BITS) - 1
    mantissa |= 1 << _FRACTION_BITS
    mantissa *= _WHOLE_POWERS.take(fraction, mode="clip")
    apart = np.abs(whole)
    apart <<= np.clip(k, 1, _FINEST)
    apart -= mantissa
    np.abs(apart, out=apart)
    fits = (k >= 1) & (k <= _FINEST) & (fraction <= _MOST_WHOLE_FRACTION)
    return np.asarray((apart < np.int64(1) << np.clip(k - 1, 0, _FINEST)) & fits, dtype=np.bool_)


def _differ_little_by_doubles(
    whole: Integers, values: Floats, fraction: Integers
) -> npt.NDArray[np.bool_]:
    """Tell for which numbers |m - d·10^q| < 1/2; not certain where the difference is 0.499999 or more.

    The product is computed without error as the sum of two doubles (Dekker 1971, "A floating-point technique for
    extending the available precision", (5.12)).
    """
    fits = (fraction <= _MOST_FRACTION) & (np.abs(whole) < _LARGEST)
    high, low = _product(np.where(fits, values, 0.0), _POWERS[np.minimum(fraction, _MOST_FRACTION)])
    nearest = np.rint(high)
    apart = (whole - nearest.astype(np.int64)).astype(np.float64) - (high - nearest) - low
    return np.asarray(fits & (np.abs(apart) < _ALMOST_HALF), dtype=np.bool_)


def _product(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Return the product rounded, and the error of that."""
    high = left * right
    left_high, left_low = _halves(left)
    right_high, right_low = _halves(right)
    low = left_high * right_high - high
    low += left_high * right_low
    low += left_low * right_high
    low += left_low * right_low
    return high, low


def _halves(numbers: Floats) -> tuple[Floats, Floats]:
    scaled = numbers * _SPLIT
    high = scaled - (scaled - numbers)
    return high, numbers - high
