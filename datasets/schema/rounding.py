"""Whether decimals of many digits are what their nearest doubles give, rounded: for a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_ZERO, _MINUS, _DOT = b"0-."
_MOST_DIGITS = 18
"""So many decimal digits are always below 2^63."""
_WORD = 8
_WORDS_READ = 2
"""So many words of digits are read of each fraction, and the few digits before them one by one."""
_ALL_BITS = 2**64 - 1
_ZEROS = np.uint64(0x3030303030303030)
_LAST_BYTES = np.array(
    [_ALL_BITS ^ _ALL_BITS >> 8 * count for count in range(_WORD + 1)], np.uint64
)
"""Keep the last 0, 1, 2, … bytes of a word."""
_EVERY_OTHER_PAIR = np.uint64(0x000000FF000000FF)
_MOST_FRACTION = 22
"""Powers of ten up to this one are doubles without rounding."""
_POWERS = np.array([float(10**power) for power in range(_MOST_FRACTION + 1)])
_LARGEST = 2.0**62
_LIMITS = _LARGEST / _POWERS
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


@dataclass(frozen=True, slots=True)
class Decimals:
    """Plain decimals (sign, digits, at most one point) in a buffer of text.

    Parameters
    ----------
    data
        The buffer.
    starts, lengths
        Where each begins, in ascending order, and how long it is: one byte at least.
    """

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int32]


def surely_rounded(cells: Decimals, values: Floats) -> npt.NDArray[np.bool_]:
    """Tell which decimals are certainly their double, rounded to as many digits.

    A decimal with q digits behind its point is m / 10^q for an integer m. It is the double d rounded to
    those digits when m differs from d·10^q by less than a half. See :func:`_differ_little` for how that is told
    without rounding, and :func:`_differ_little_by_doubles` for the numbers for which this is not possible. Nothing is
    certain of integers, nor where the digits before or behind the point alone may pass 64 bits.

    Parameters
    ----------
    values
        The double that is nearest to each.
    """
    digits, ends = cells.starts + (cells.data[cells.starts] == _MINUS), cells.starts + cells.lengths
    dots = _points(cells.data, digits, ends)
    before, fraction = dots - digits, ends - dots - 1
    is_small = np.abs(values) < _LIMITS.take(fraction, mode="clip")
    fits: npt.NDArray[np.bool_] = (dots < ends) & (before <= _MOST_DIGITS)
    fits &= (fraction <= _MOST_DIGITS) | ((fraction <= _MOST_FRACTION) & is_small)
    if len(fits) == 0 or not fits.all():
        at = np.flatnonzero(fits)
        if len(at):
            fitting = Decimals(cells.data, cells.starts[at], cells.lengths[at])
            fits[at] = surely_rounded(fitting, values[at])
        return fits
    # The lowest 64 bits of m, where it has more: overflow is meant to happen.
    whole = _digits_before(cells.data, dots, before)
    whole *= _WHOLE_POWERS.take(fraction, mode="clip")
    whole += _digits_behind(cells.data, dots, fraction)
    sure = _differ_little(whole, values, fraction)
    rest = np.flatnonzero(is_small & ~sure)
    if len(rest):
        sure[rest] = _differ_little_by_doubles(whole[rest], np.abs(values[rest]), fraction[rest])
    return sure


def _points(data: npt.NDArray[np.uint8], digits: Integers, ends: Integers) -> Integers:
    """Return where the point of each decimal is; where there is none, its end or what is behind it."""
    dots: Integers = digits + (data[digits] != _DOT)
    # Most have one digit before the point, or as many as their neighbours: few steps for all, then for the rest.
    at = np.flatnonzero((dots < ends) & (data.take(dots, mode="clip") != _DOT))
    while len(at):
        dots[at] += 1
        found = dots[at]
        at = at[(found < ends[at]) & (data.take(found, mode="clip") != _DOT)]
    return dots


def _digits_before(
    data: npt.NDArray[np.uint8], dots: Integers, count: npt.NDArray[np.int64]
) -> Integers:
    """Return the numbers that so many digits before each point make."""
    longest = int(count.max())
    found = np.zeros(len(dots), np.int64)
    for back in range(longest, 0, -1):
        digit = data.take(dots - back, mode="clip").astype(np.int64) - _ZERO
        found *= 10
        found += np.where(count >= back, digit, 0)
    return found


def _digits_behind(
    data: npt.NDArray[np.uint8], dots: Integers, count: npt.NDArray[np.int64]
) -> Integers:
    """Return the lowest 64 bits of the numbers that so many digits behind each point make."""
    ends = dots + 1 + count
    padded = data if ends[0] >= _WORDS_READ * _WORD else None
    if padded is None:
        # There must be something before the first decimal, too.
        padded = np.concatenate([np.zeros(_WORDS_READ * _WORD, np.uint8), data])
        ends += _WORDS_READ * _WORD
    words = np.ndarray((len(padded) - _WORD + 1,), "<u8", padded, strides=(1,))
    found = np.zeros(len(ends), np.uint64)
    for number in range(_WORDS_READ):
        read = words[ends - _WORD * (number + 1)]
        read ^= _ZEROS
        read &= _LAST_BYTES.take(count - _WORD * number, mode="clip")
        found += _eight_digits(read) * np.uint64(10 ** (_WORD * number))
    at = _WORD * _WORDS_READ + 1
    rest = np.flatnonzero(count >= at)
    while len(rest):
        digit = padded[ends[rest] - at].astype(np.uint64) - np.uint64(_ZERO)
        found[rest] += digit * np.uint64(10 ** (at - 1) & _ALL_BITS)
        at += 1
        rest = rest[count[rest] >= at]
    return found.view(np.int64)


def _eight_digits(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the numbers that eight bytes of 0 to 9 make, the highest digit first; the words are used up.

    Neighbours are put together, first digits to pairs, then pairs to fours, then fours to eights, in one word.
    """
    ones = words >> np.uint64(8)
    words *= np.uint64(10)
    words += ones
    pairs = words >> np.uint64(16)
    words &= _EVERY_OTHER_PAIR
    words *= np.uint64(100 + (1_000_000 << 32))
    pairs &= _EVERY_OTHER_PAIR
    pairs *= np.uint64(1 + (10_000 << 32))
    words += pairs
    words >>= np.uint64(32)
    return words


def _differ_little(whole: Integers, values: Floats, fraction: Integers) -> npt.NDArray[np.bool_]:
    """Tell for which numbers |m - d·10^q| < 1/2, in integers alone; False where they do not suffice.

    With |d| = M / 2^k the question is whether |m·2^k - M·10^q| < 2^(k - 1). The difference is at most 10^q / 2, because d is
    the double that is nearest to m / 10^q; up to q = 19 that is less than 2^63, and so the difference is right even
    where both products pass 64 bits and only their lowest 64 bits are kept.
    """
    bits = values.view(np.int64)
    k = _UNIT - (bits >> _FRACTION_BITS & _EXPONENT)
    mantissa = bits & (1 << _FRACTION_BITS) - 1
    mantissa |= 1 << _FRACTION_BITS
    mantissa *= _WHOLE_POWERS.take(fraction, mode="clip")
    apart = whole << np.clip(k, 1, _FINEST)
    apart -= mantissa
    np.abs(apart, out=apart)
    fits = (k >= 1) & (k <= _FINEST) & (fraction <= _MOST_WHOLE_FRACTION)
    return np.asarray((apart < np.int64(1) << np.clip(k - 1, 0, _FINEST)) & fits, dtype=np.bool_)


def _differ_little_by_doubles(
    whole: Integers, values: Floats, fraction: Integers
) -> npt.NDArray[np.bool_]:
    """Tell for which numbers below 2^62 |m - d·10^q| < 1/2; not certain where the difference is 0.499999 or more.

    The product is computed without error as the sum of two doubles (Dekker 1971, "A floating-point technique for
    extending the available precision", (5.12)).
    """
    high, low = _product(values, _POWERS[fraction])
    nearest = np.rint(high)
    apart = (whole - nearest.astype(np.int64)).astype(np.float64) - (high - nearest) - low
    return np.asarray(np.abs(apart) < _ALMOST_HALF, dtype=np.bool_)


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
