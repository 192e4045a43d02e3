"""How well one column alone predicts the target.

*Skill* is cross-validated (5 random folds): the column is cut into at most 32 stretches of equal
weight (or its 63 most frequent values; null is a place of its own), and each place predicts the mean
of the target among the training rows in it, drawn towards the overall mean as if 10 more rows had
that: a tree of one level. For classes the skill is 2·AUC − 1 of one class against the rest, weighted
by the shares of the classes (those with fewer than 10 rows are left out); for numbers R². 0 is no
better than chance, 1 is perfect.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from datasets.profile.sample import Codes, Floats, SampledColumn
from datasets.profile.target import Target

FOLDS = 5
FEWEST_OF_A_CLASS = 10
_STRETCHES = 32
_PLACES = 64
_PRIOR_ROWS = 10.0


class Outcome:
    """The target, cut into folds, ready to be predicted from places.

    Parameters
    ----------
    fold
        Shape (n,): the fold of each row that has a target, from 0 on, below :data:`FOLDS`.
    """

    def __init__(self, target: Target, fold: Codes) -> None:
        self._fold = fold
        self._values = target.values
        self._is_classes = target.task == "classification"
        if self._is_classes:
            self._classes = target.values.astype(np.int64)
            self._class_count = int(self._classes.max()) + 1
        else:
            scale = float(np.abs(self._values).max()) or 1.0
            self._values = self._values / scale
            self._values = self._values - self._values.mean()

    def skill(self, places: Codes) -> float:
        """Return the cross-validated skill of a column's places, 0 where it is worse than chance."""
        width = int(places.max()) + 1
        cell = self._fold * width + places
        found = self._of_classes(cell, width) if self._is_classes else self._of_numbers(cell, width)
        return min(1.0, max(0.0, found))

    def _of_classes(self, cell: Codes, width: int) -> float:
        k = self._class_count
        counts = np.bincount(cell * k + self._classes, minlength=FOLDS * width * k)
        counts = counts.reshape(FOLDS, width, k).astype(np.float64)
        total = counts.sum(axis=0)
        skill, weight = 0.0, 0.0
        for one in range(k):
            of_class = float(total[:, one].sum())
            if of_class < FEWEST_OF_A_CLASS:
                continue
            areas = [
                _area(total - counts[at], counts[at], one)
                for at in range(FOLDS)
                if 0 < counts[at, :, one].sum() < counts[at].sum()
            ]
            if areas:
                skill += of_class * (2.0 * float(np.mean(areas)) - 1.0)
                weight += of_class
        return skill / weight if weight else 0.0

    def _of_numbers(self, cell: Codes, width: int) -> float:
        size = FOLDS * width
        shape = (FOLDS, width)
        n = np.bincount(cell, minlength=size).reshape(shape).astype(np.float64)
        s = np.bincount(cell, self._values, minlength=size).reshape(shape)
        q = np.bincount(cell, self._values**2, minlength=size).reshape(shape)
        scores = []
        for at in range(FOLDS):
            rows, sums = n.sum(axis=0) - n[at], s.sum(axis=0) - s[at]
            mean = float(sums.sum() / rows.sum())
            predicted = (sums + _PRIOR_ROWS * mean) / (rows + _PRIOR_ROWS)
            wrong = q[at] - 2 * predicted * s[at] + n[at] * predicted**2
            base = q[at] - 2 * mean * s[at] + n[at] * mean**2
            if base.sum() > 0:
                scores.append(1.0 - float(wrong.sum() / base.sum()))
        return float(np.mean(scores)) if scores else 0.0


def _area(train: Floats, test: Floats, one: int) -> float:
    """Return the area under the ROC curve of the test rows, scored by the training rows' shares."""
    overall = float(train[:, one].sum() / train.sum())
    rows = train.sum(axis=1)
    score = (train[:, one] + _PRIOR_ROWS * overall) / (rows + _PRIOR_ROWS)
    _, level = np.unique(score, return_inverse=True)
    yes = np.bincount(level, test[:, one])
    no = np.bincount(level, test.sum(axis=1) - test[:, one])
    below = np.cumsum(no) - no
    return float((yes * (below + no / 2.0)).sum() / (yes.sum() * no.sum()))


def places_of(column: SampledColumn, rows: npt.NDArray[np.bool_]) -> Codes:
    """Return for each row in which stretch, or at which value, it is; null is a place of its own."""
    if column.codes is not None:
        codes = column.codes[rows]
        counts = np.bincount(codes[codes >= 0], minlength=1)
        frequent = np.argsort(-counts, kind="stable")[: _PLACES - 1]
        place = np.full(len(counts), _PLACES - 1)
        place[frequent] = np.arange(len(frequent))
        return np.where(codes < 0, _PLACES, place[codes])
    assert column.numbers is not None
    numbers = column.numbers[rows]
    missing = np.isnan(numbers)
    known = np.sort(numbers[~missing])
    if not len(known):
        return np.zeros(len(numbers), np.int64)
    values = known[np.concatenate([[True], known[1:] != known[:-1]])]
    if len(values) > _PLACES:
        levels = (np.arange(1, _STRETCHES) * len(known)) // _STRETCHES
        values = np.unique(known[levels])
    places = np.searchsorted(values, numbers, side="right")
    return np.where(missing, len(values) + 1, places)
