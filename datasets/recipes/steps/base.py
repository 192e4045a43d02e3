"""What all steps have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan
from datasets.recipes.values import Values, frame_of, kinds_of, values_of

Target = npt.NDArray[Any]
Rows = npt.NDArray[np.intp]
T = TypeVar("T")


class Folding(Protocol):
    """Cuts the training rows once more, for a step that must not show a row its own target."""

    def __call__(self, *, folds: int, seed: int) -> Iterable[tuple[Rows, Rows]]:
        """Yield (rows to learn from, rows to code by that); no row is coded twice, some may be left out.

        The same arguments give the same rows.
        """
        ...


class Step(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A step of a recipe: a scikit-learn transformer from frames to frames.

    A frame goes in with numbers, truth values, text and moments, and comes out as float32 (NaN is missing) and
    text (``""`` is missing). What a step learns is kept in ``learnt_``, in plain JSON-compatible values, so that
    a stored step is nothing but data.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]
    example: ClassVar[Mapping[str, Any]]
    needs_target: ClassVar[bool] = False

    learnt_: dict[str, Any]

    def plan(self, before: Plan, position: int) -> Plan:
        """Return the columns after this step.

        Parameters
        ----------
        position
            Of this step in its recipe, from 0.

        Raises
        ------
        datasets.recipes.plan.StepProblem
            The step does not fit these columns.
        """
        raise NotImplementedError

    def reads(self) -> tuple[str, ...]:
        """Return the columns whose values the step looks at."""
        columns: tuple[str, ...] = tuple(getattr(self, "columns", ()))
        return columns

    def learn(self, values: Values, target: Target | None) -> dict[str, Any]:
        """Return what is to be known of the training rows, as JSON-compatible values."""
        return {}

    def restored(self, learnt: Mapping[str, Any]) -> dict[str, Any]:
        """Return what :meth:`learn` returned, after a look at every value.

        Raises
        ------
        ValueError, TypeError, KeyError
            It is not what this step learns.
        """
        if learnt:
            raise ValueError(f"a {self.kind} step learns nothing")
        return {}

    def tables(self) -> Any:
        """Return what :meth:`apply` looks up, made of what was learnt."""
        return None

    @property
    def made_tables(self) -> Any:
        """The tables, made once for what was learnt last."""
        kept = self.__dict__.get("_kept")
        if kept is None or kept[0] is not self.learnt_:
            kept = self._kept = (self.learnt_, self.tables())
        return kept[1]

    def apply(self, values: Values) -> Values:
        """Return the rows after the step; never refuses a value."""
        raise NotImplementedError

    def fit_values(self, values: Values, target: Target | None = None) -> Self:
        """Learn from columns."""
        self.learnt_ = self.learn(values, target)
        return self

    def fit_apply(
        self, values: Values, target: Target | None = None, folding: Folding | None = None
    ) -> Values:
        """Learn from training rows and return them after the step, without leaking their targets.

        Parameters
        ----------
        folding
            How rows are cut where a step needs that; at random, when absent.
        """
        return self.fit_values(values, target).apply(values)

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn from a frame (n rows)."""
        self.feature_names_in_ = np.array([str(name) for name in X.columns], dtype=object)
        values = values_of(X)
        self.kinds_in_ = kinds_of(values)
        self.fit_values(values, None if y is None else np.asarray(y))
        self.names_out_ = list(self.apply(values.take(slice(0, 0))).columns)
        return self

    def fit_transform(self, X: pd.DataFrame, y: Any = None, **_: Any) -> pd.DataFrame:
        """Learn from a frame and return it after the step."""
        self.fit(X, y)
        return frame_of(self.fit_apply(values_of(X), None if y is None else np.asarray(y)), X.index)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a frame after the step."""
        if not hasattr(self, "learnt_"):
            raise NotFittedError(f"This {self.kind} step is not fitted yet.")
        return frame_of(self.apply(values_of(X, self.kinds_in_)), X.index)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the columns after the step."""
        return np.array(self.names_out_, dtype=object)


def numbers_by_name(value: Any) -> dict[str, float]:
    """Return an object of finite numbers, checked."""
    return {_text(name): _finite(number) for name, number in _object(value).items()}


def by_name(value: Any, check: Callable[[Any], T]) -> dict[str, T]:
    """Return an object whose values pass a check."""
    return {_text(name): check(one) for name, one in _object(value).items()}


def scalar(value: Any) -> float | str:
    """Return a finite number or a text, checked."""
    return value if isinstance(value, str) else _finite(value)


def text_list(value: Any) -> list[str]:
    """Return a list of text, checked."""
    if not isinstance(value, list):
        raise TypeError("a list was expected")
    return [_text(one) for one in value]


def finite(value: Any) -> float:
    """Return a finite number, checked."""
    return _finite(value)


def _object(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text was expected")
    return value


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise TypeError("a finite number was expected")
    return float(value)
