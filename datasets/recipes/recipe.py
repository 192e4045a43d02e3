"""A recipe as one scikit-learn transformer: its steps in order, fitted on the training rows only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from datasets.errors import RecipeRefused
from datasets.recipes.plan import Plan, StepProblem
from datasets.recipes.reading import build_steps, plan_of
from datasets.recipes.steps import Step
from datasets.recipes.steps.base import Folding, Target, by_name, text_list
from datasets.recipes.values import Kind, Values, frame_of, kinds_of, values_of

#: A stored recipe with more characters than this is not read.
_MOST_CHARACTERS = 64 * 1024 * 1024


class RecipeTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The steps of a recipe, one after the other.

    Its stored form is one text of JSON: the steps as they were written and what each has learnt, in plain
    numbers and text. Reading it back builds the steps from the fixed list of kinds and checks every value, so a
    file can choose among our steps and their numbers, and nothing else.

    Parameters
    ----------
    steps
        As they are written: ``{"kind": "fill", "columns": ["age"]}`` …
    moments
        The columns that hold moments (as text in ISO 8601). Those that are still there at the end are left out:
        no estimator learns from them.
    """

    def __init__(
        self, steps: Sequence[Mapping[str, Any]] = (), moments: Sequence[str] = ()
    ) -> None:
        self.steps = steps
        self.moments = moments

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn from training rows."""
        self._fit_apply(X, y)
        return self

    def fit_transform(
        self, X: pd.DataFrame, y: Any = None, *, folding: Folding | None = None, **_: Any
    ) -> pd.DataFrame:
        """Learn from training rows and return them after all steps (targets are encoded crosswise).

        Parameters
        ----------
        folding
            Cuts the rows for that as the training's split does; at random, when absent.
        """
        return frame_of(self._fit_apply(X, y, folding), X.index)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return rows after all steps, as float32 and text."""
        return frame_of(self.apply(self._values(X)), X.index)

    def apply(self, values: Values) -> Values:
        """Return columns after all steps."""
        for step in self._fitted():
            values = step.apply(values)
        return Values({name: values.columns[name] for name in self.names_out_}, values.row_count)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the columns after all steps."""
        self._fitted()
        return np.array(self.names_out_, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def _fitted(self) -> list[Step]:
        if not hasattr(self, "fitted_"):
            raise NotFittedError("This recipe is not fitted yet.")
        return self.fitted_

    def _values(self, frame: pd.DataFrame) -> Values:
        missing = [name for name in self.feature_names_in_ if name not in frame.columns]
        if missing:
            raise ValueError(f"The column {missing[0]!r} is missing.")
        return values_of(frame[list(self.feature_names_in_)], self.kinds_in_)

    def _fit_apply(self, X: pd.DataFrame, y: Any, folding: Folding | None = None) -> Values:
        values = values_of(X)
        target: Target | None = None if y is None else np.asarray(y)
        steps = build_steps(self.steps)
        kinds = kinds_of(values, self.moments)
        plan = plan_of(steps, kinds)
        for position, step in enumerate(steps):
            try:
                values = step.fit_apply(values, target, folding)
            except StepProblem as problem:
                raise _refusal(position, problem.parameter, problem.message) from None
            except KeyError as error:
                raise _refusal(position, "columns", f"there is no column {error}") from None
        self.fitted_: list[Step] = steps
        self.feature_names_in_ = np.array([str(name) for name in X.columns], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        self.kinds_in_ = kinds
        self.names_out_ = learnable(values, plan)
        if not self.names_out_:
            raise RecipeRefused("The recipe leaves no column to learn from.", field="steps")
        return Values({name: values.columns[name] for name in self.names_out_}, values.row_count)

    def __getstate__(self) -> dict[str, Any]:
        content: dict[str, Any] = {"steps": list(self.steps), "moments": list(self.moments)}
        if hasattr(self, "fitted_"):
            content |= {
                "learnt": [step.learnt_ for step in self.fitted_],
                "kinds_in": {name: kind.value for name, kind in self.kinds_in_.items()},
                "names_out": self.names_out_,
            }
        return {"content": json.dumps(content, allow_nan=False)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Read the stored form.

        Raises
        ------
        ValueError
            It is not what :meth:`__getstate__` writes.
        """
        content = state["content"] if set(state) == {"content"} else None
        if not isinstance(content, str) or len(content) > _MOST_CHARACTERS:
            raise ValueError("this is not a stored recipe")
        try:
            self._read(json.loads(content, parse_constant=_no_constant))
        except (KeyError, TypeError, RecursionError, RecipeRefused) as error:
            raise ValueError("this is not a stored recipe") from error

    def _read(self, content: Mapping[str, Any]) -> None:
        steps = build_steps(content["steps"])
        self.steps = content["steps"]
        self.moments = text_list(content["moments"])
        if "learnt" not in content:
            return
        for step, learnt in zip(steps, content["learnt"], strict=True):
            step.learnt_ = step.restored(learnt)
        self.fitted_ = steps
        self.kinds_in_ = by_name(content["kinds_in"], Kind)
        self.feature_names_in_ = np.array(list(self.kinds_in_), dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        self.names_out_ = text_list(content["names_out"])


def learnable(values: Values, plan: Plan) -> list[str]:
    """Return the columns at the end that an estimator can learn from: all but moments."""
    moments = {name for name, one in plan.columns.items() if one.kind is Kind.MOMENT}
    return [name for name in values.columns if name not in moments]


def _refusal(position: int, parameter: str, message: str) -> RecipeRefused:
    field = f"steps[{position}].{parameter}"
    return RecipeRefused(f"{field}: {message}", field=field)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of a recipe")
