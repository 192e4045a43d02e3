"""Splits in which a group is on one side only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from training.errors import SplitRefused
from training.splits.splitting import Rows, Split

#: With fewer groups there is nothing to test on that was not learnt from.
FEWEST_GROUPS = 3


def group_codes(values: npt.ArrayLike | pd.Series[Any]) -> npt.NDArray[np.intp]:
    """Return a number for the group of each row; a row without a group is a group of its own."""
    codes, known = pd.factorize(pd.Series(values), use_na_sentinel=True)
    codes = codes.astype(np.intp)
    alone = np.flatnonzero(codes < 0)
    codes[alone] = len(known) + np.arange(len(alone))
    return codes


def split_by_group(codes: npt.NDArray[np.intp], *, test_fraction: float, seed: int) -> Split:
    """Return a split that tests on whole groups, drawn at random until the share of rows is reached.

    A group that would overshoot the share is passed over while smaller ones are left.

    Raises
    ------
    SplitRefused
        There are fewer than three groups.
    """
    groups, sizes = np.unique(codes, return_counts=True)
    if len(groups) < FEWEST_GROUPS:
        raise SplitRefused(
            f"There are {len(groups)} groups; at least {FEWEST_GROUPS} are needed.",
            field="split.column",
        )
    wanted = max(1, round(len(codes) * test_fraction))
    order = np.random.default_rng(seed).permutation(len(groups))
    chosen: list[int] = []
    taken = 0
    for index in order:
        if taken + sizes[index] <= wanted:
            chosen.append(index)
            taken += int(sizes[index])
    if not chosen:
        chosen.append(int(order[np.argmin(sizes[order])]))
    is_tested = np.isin(codes, groups[chosen])
    return Split(np.flatnonzero(~is_tested), np.flatnonzero(is_tested), False)


def folds_by_group(
    codes: npt.NDArray[np.intp],
    target: npt.NDArray[np.object_],
    *,
    folds: int,
    seed: int,
    by_class: bool,
) -> Iterator[tuple[Rows, Rows]]:
    """Yield (train, test) row numbers such that no group is in both; fewer folds where groups are few."""
    folds = min(folds, len(np.unique(codes)))
    if by_class:
        _, sizes = np.unique(target.astype(str), return_counts=True)
        folds = min(folds, int(sizes.min()))
    if folds < 2:
        return
    kind = StratifiedGroupKFold if by_class else GroupKFold
    splitter = kind(n_splits=folds, shuffle=True, random_state=seed)
    labels = target.astype(str) if by_class else None
    yield from splitter.split(np.zeros(len(codes)), labels, codes)
