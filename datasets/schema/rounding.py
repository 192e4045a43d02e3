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

Floats = npt.NDArray[np.float64]


def surely_rounded(cells: pa.Array, values: Floats) -> npt.NDArray[np.bool_]:
    """Tell which decimals are certainly their double, rounded to as many digits.

    A decimal with q digits behind its point is m / 10^q for an integer m. It is the double d rounded to
    those digits when m differs from d·10^q by less than a half. The product is computed without error as
    the sum of two doubles (Dekker 1971, "A floating-point technique for extending the available
    precision", (5.12)); a difference from 0.499999 on, or of numbers that this cannot be done for, counts as
    not certain.

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
    fits = (fraction <= _MOST_FRACTION) & (np.abs(whole) < _LARGEST)
    high, low = _product(np.where(fits, values, 0.0), _POWERS[np.minimum(fraction, _MOST_FRACTION)])
    nearest = np.rint(high)
    apart = (whole - nearest.astype(np.int64)).astype(np.float64) - (high - nearest) - low
    return np.asarray(fits & (np.abs(apart) < _ALMOST_HALF), dtype=np.bool_)


def _without_dots(
    content: npt.NDArray[np.uint8], ends: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64] | None:
    """Return numbers, each of which has one point, without it; None when one of them passes 64 bits."""
    digits = content.tobytes().replace(b".", b"")
    offsets = ends - np.arange(len(ends), dtype=np.int32)
    texts = pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(offsets), pa.py_buffer(digits))
    try:
        return np.asarray(texts.cast(pa.int64()).to_numpy(), dtype=np.int64)
    except pa.ArrowInvalid:
        return None


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
