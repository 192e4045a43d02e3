"""Looks at all numbers of a block at once; for a few of them a product costs less than a comparison and its sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Above that a product may be shared among threads, and is no cheaper.
_FEW = 5_000


def are_below(block: npt.NDArray[np.float64], limit: float) -> bool:
    """Whether all magnitudes are below a limit; NaN is not."""
    if block.size <= _FEW and float(np.vdot(block, block)) < limit * limit:
        return True  # the sum of the squares is not smaller than any of them
    return bool((np.abs(block) < limit).all())


def has_nan(block: npt.NDArray[np.floating[Any]]) -> bool:
    """Whether a number is NaN: only then is the sum of the squares."""
    if block.size <= _FEW:
        total = float(np.vdot(block, block))
        return total != total
    return bool(np.isnan(block).any())
