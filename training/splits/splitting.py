"""Random splits from a seed, stratified by class where every class has enough rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers to learn from and to test on.

    Attributes
    ----------
    boundary_us
        Moment of the first tested row of a split by time, in microseconds since 1970.
    digest
        SHA-256 of the tested row numbers, so that a later run can show that it split alike.
    """

    train: Rows
    test: Rows
    is_stratified: bool
    boundary_us: int | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the row numbers of the test part, as little-endian int64."""
        return _digest(self.test)

    @property
    def train_digest(self) -> str:
        """The same of the part that is learnt from."""
        return _digest(self.train)


def _digest(rows: Rows) -> str:
    return hashlib.sha256(np.sort(rows).astype("<i8").tobytes()).hexdigest()


def split_rows(
    target: npt.NDArray[np.object_], *, test_fraction: float, seed: int, by_class: bool
) -> Split:
    """Return a random split of n rows.

    Parameters
    ----------
    target
        The target of each row, shape (n,).
    by_class
        Keep the shares of the classes, if every class has at least two rows and each part can hold one of
        each class.
    """
    count = len(target)
    tested = max(1, round(count * test_fraction))
    stratify = None
    if by_class:
        _, sizes = np.unique(target.astype(str), return_counts=True)
        if sizes.min() >= 2 and tested >= len(sizes) and count - tested >= len(sizes):
            stratify = target.astype(str)
    train, test = train_test_split(
        np.arange(count), test_size=tested, random_state=seed, stratify=stratify
    )
    return Split(np.sort(train), np.sort(test), stratify is not None)


def folds_of(
    target: npt.NDArray[np.object_], *, folds: int, seed: int, by_class: bool
) -> Iterator[tuple[Rows, Rows]]:
    """Yield (train, test) row numbers of a cross-validation; fewer folds where a class is small.

    Yields nothing when two folds are not possible.
    """
    count = len(target)
    if by_class:
        _, sizes = np.unique(target.astype(str), return_counts=True)
        folds = min(folds, int(sizes.min()))
    folds = min(folds, count // 2)
    if folds < 2:
        return
    kind = StratifiedKFold if by_class else KFold
    splitter = kind(n_splits=folds, shuffle=True, random_state=seed)
    yield from splitter.split(np.zeros(count), target.astype(str) if by_class else None)
