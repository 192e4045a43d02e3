"""Categories as what the target was on average."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn, StepProblem
from datasets.recipes.steps.base import (
    Folding,
    Rows,
    Step,
    Target,
    by_name,
    finite,
    text_list,
)
from datasets.recipes.values import Array, Kind, Values, texts_of

FloatArray = npt.NDArray[np.float64]

#: A target with more classes than this is not encoded.
MOST_CLASSES = 20


class TargetEncoding(Step):
    """Replace a category by the mean of the target in its training rows, drawn towards the overall mean.

    With n rows of a category, their mean m, the overall mean p and the smoothing s, the code is
    ``(n·m + s·p) / (n + s)``: s counts like so many rows of an average category (Micci-Barreca, 2001, "A
    preprocessing scheme for high-cardinality categorical attributes"). The mean of two classes is the share of
    the second in the order of the alphabet; of more classes each gets a column, ``city=gold``. A category that
    nobody has seen is p; missing values are a category of their own.

    Training rows are encoded crosswise: each by what the other folds say, so that no row's own target is in
    its code and the model does not learn to trust a leak. Later rows are encoded by all training rows.

    The folds are those of the training's split: where groups are kept together, no row is encoded by its own
    group; where time parts the rows, each is encoded by what came before it, less the gap. Else they are drawn
    at random from ``seed``. A row that no fold encodes (the first stretch of time, say) is p.
    """

    kind = "target_encoding"
    title = "Target encoding"
    needs_target = True
    parameters = (
        Parameter("columns", "columns", "The columns to encode."),
        Parameter(
            "smoothing", "number", "Weight of the overall mean, in rows.", 10.0, low=0, high=1e6
        ),
        Parameter("folds", "integer", "Folds of the crosswise encoding.", 5, low=2, high=20),
        Parameter("seed", "integer", "Makes the folds repeatable.", 0, low=0, high=2**32 - 1),
    )
    example: ClassVar[Mapping[str, Any]] = {"columns": ["job"], "smoothing": 20}

    def __init__(
        self,
        columns: Sequence[str] = (),
        smoothing: float = 10.0,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.columns = columns
        self.smoothing = smoothing
        self.folds = folds
        self.seed = seed

    def plan(self, before: Plan, position: int) -> Plan:
        found = before.find_of(self.columns, "columns", Kind.TEXT, Kind.NUMBER)
        made = {
            name: PlannedColumn(Kind.NUMBER, one.sources, position)
            for name, one in zip(self.columns, found, strict=True)
        }
        return before.changed(made, families={f"{name}=": one for name, one in made.items()})

    def learn(self, values: Values, target: Target | None) -> dict[str, Any]:
        if target is None:
            raise StepProblem("columns", "needs a target to learn from")
        classes, weights = _weights(target)
        words = {name: texts_of(values.columns[name]) for name in self.columns}
        return self._learnt(words, classes, weights)

    def _learnt(
        self, words: Mapping[str, Array], classes: list[str], weights: FloatArray
    ) -> dict[str, Any]:
        prior = weights.mean(axis=0) if len(weights) else np.zeros(weights.shape[1])
        codes: dict[str, dict[str, list[float]]] = {}
        for name, column in words.items():
            known, positions, counts = np.unique(
                column.astype(str), return_inverse=True, return_counts=True
            )
            sums = np.zeros((len(known), weights.shape[1]))
            np.add.at(sums, positions, weights)
            total = counts[:, None] + self.smoothing
            means = (sums + self.smoothing * prior) / np.where(total > 0, total, 1.0)
            codes[name] = dict(zip(known.tolist(), means.tolist(), strict=True))
        return {"classes": classes, "prior": prior.tolist(), "codes": codes}

    def restored(self, learnt: Mapping[str, Any]) -> dict[str, Any]:
        classes = text_list(learnt["classes"])
        width = max(1, len(classes))
        return {
            "classes": classes,
            "prior": _row(learnt["prior"], width),
            "codes": by_name(
                learnt["codes"], lambda one: by_name(one, lambda row: _row(row, width))
            ),
        }

    def fit_apply(
        self, values: Values, target: Target | None = None, folding: Folding | None = None
    ) -> Values:
        """Learn from all training rows, and return each of them as the other folds encode it."""
        self.fit_values(values, target)
        assert target is not None
        classes, weights = _weights(target)
        words = {name: texts_of(values.columns[name]) for name in self.columns}
        prior = np.array(self.learnt_["prior"])
        coded = {name: np.tile(prior, (values.row_count, 1)) for name in words}
        for others, fold in self._folds(values.row_count, folding):
            learnt = self._learnt(
                {name: column[others] for name, column in words.items()}, classes, weights[others]
            )
            for name, column in words.items():
                coded[name][fold] = _coded(column[fold], learnt["codes"][name], learnt["prior"])
        return self._placed(values, coded, classes)

    def _folds(self, row_count: int, folding: Folding | None) -> Iterable[tuple[Rows, Rows]]:
        if folding is not None:
            return folding(folds=self.folds, seed=self.seed)
        return _drawn(row_count, folds=self.folds, seed=self.seed)

    def apply(self, values: Values) -> Values:
        learnt = self.learnt_
        coded = {
            name: _coded(texts_of(values.columns[name]), learnt["codes"][name], learnt["prior"])
            for name in self.columns
        }
        return self._placed(values, coded, learnt["classes"])

    def _placed(
        self, values: Values, coded: Mapping[str, FloatArray], classes: Sequence[str]
    ) -> Values:
        if not classes:
            return values.with_columns({name: matrix[:, 0] for name, matrix in coded.items()})
        made = {
            f"{name}={label}": matrix[:, index]
            for name, matrix in coded.items()
            for index, label in enumerate(classes)
        }
        return values.with_columns(made, without=self.columns)


def _drawn(row_count: int, *, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield random folds; a single row has no others and is in none."""
    order = np.random.default_rng(seed).permutation(row_count)
    for fold in np.array_split(order, min(folds, max(row_count, 1))):
        others = np.setdiff1d(order, fold)
        if len(others):
            yield others, fold


def _weights(target: Target) -> tuple[list[str], FloatArray]:
    """Return the classes (none for numbers and for two classes) and what is averaged, shape (n, width)."""
    if target.dtype.kind == "f":
        return [], target.astype(np.float64).reshape(-1, 1)
    classes = sorted(set(target.tolist()))
    if len(classes) > MOST_CLASSES:
        raise StepProblem("columns", f"the target has more than {MOST_CLASSES} classes")
    if len(classes) <= 2:
        return [], (target == classes[-1]).astype(np.float64).reshape(-1, 1)
    return [str(one) for one in classes], np.column_stack(
        [(target == one).astype(np.float64) for one in classes]
    )


def _coded(
    words: Array, codes: Mapping[str, Sequence[float]], prior: Sequence[float]
) -> FloatArray:
    found = [codes.get(word, prior) for word in words]
    return np.array(found, dtype=np.float64).reshape(len(words), len(prior))


def _row(value: Any, width: int) -> list[float]:
    if not isinstance(value, list) or len(value) != width:
        raise TypeError("a list of one number for each class was expected")
    return [finite(one) for one in value]
