"""Which estimators can be trained, for which task, with which hyper-parameters.

A request names an entry by its key; nothing that a user sends ever becomes an import path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge

from core.errors import FieldError
from models_registry.signatures.signature import Task
from training.errors import EstimatorUnknown, HyperparameterRefused
from training.estimators.parameters import Choice, Number, Parameter, WholeNumber

Family = Literal["linear", "forest", "boosting"]


@dataclass(frozen=True, slots=True)
class Estimator:
    """One entry of the catalogue.

    Attributes
    ----------
    family
        Decides how columns are prepared: scaled and one-hot for ``linear``, one-hot for ``forest``,
        ordinal and with missing values as they are for ``boosting``.
    build
        Makes the estimator from checked hyper-parameters and a seed, per task.
    """

    key: str
    title: str
    family: Family
    parameters: tuple[Parameter, ...]
    build: Mapping[Task, Callable[[Mapping[str, Any], int], Any]]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that it can be trained for."""
        return tuple(self.build)


def _logistic(params: Mapping[str, Any], seed: int) -> LogisticRegression:
    return LogisticRegression(random_state=seed, **params)


def _ridge(params: Mapping[str, Any], seed: int) -> Ridge:
    return Ridge(random_state=seed, **params)


def _forest_classifier(params: Mapping[str, Any], seed: int) -> RandomForestClassifier:
    return RandomForestClassifier(random_state=seed, n_jobs=2, **params)


def _forest_regressor(params: Mapping[str, Any], seed: int) -> RandomForestRegressor:
    return RandomForestRegressor(random_state=seed, n_jobs=2, **params)


def _boosting_classifier(params: Mapping[str, Any], seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(random_state=seed, early_stopping=False, **params)


def _boosting_regressor(params: Mapping[str, Any], seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(random_state=seed, early_stopping=False, **params)


def _isolation_forest(params: Mapping[str, Any], seed: int) -> IsolationForest:
    samples = params["max_samples"] or "auto"
    return IsolationForest(random_state=seed, n_jobs=1, **{**params, "max_samples": samples})


CATALOGUE: Mapping[str, Estimator] = {
    entry.key: entry
    for entry in (
        Estimator(
            "logistic",
            "Logistic regression",
            "linear",
            (
                Number("C", 1.0, 1e-6, 1e6, "Inverse strength of the L2 penalty."),
                WholeNumber("max_iter", 1000, 10, 100_000, "Most steps of the solver."),
                Choice("class_weight", None, (None, "balanced"), "Weight of the classes."),
            ),
            {"classification": _logistic},
        ),
        Estimator(
            "ridge",
            "Ridge regression",
            "linear",
            (Number("alpha", 1.0, 0.0, 1e9, "Strength of the L2 penalty."),),
            {"regression": _ridge},
        ),
        Estimator(
            "random_forest",
            "Random forest",
            "forest",
            (
                WholeNumber("n_estimators", 100, 1, 2000, "Number of trees."),
                WholeNumber("max_depth", None, 1, 100, "Largest depth of a tree."),
                WholeNumber("min_samples_leaf", 1, 1, 100_000, "Fewest rows in a leaf."),
                Choice("max_features", "sqrt", ("sqrt", "log2", None), "Columns tried at a split."),
            ),
            {"classification": _forest_classifier, "regression": _forest_regressor},
        ),
        Estimator(
            "hist_gradient_boosting",
            "Histogram gradient boosting",
            "boosting",
            (
                Number("learning_rate", 0.1, 1e-4, 1.0, "Share of each tree that is added."),
                WholeNumber("max_iter", 100, 1, 5000, "Number of rounds."),
                WholeNumber("max_leaf_nodes", 31, 2, 1024, "Most leaves of a tree."),
                WholeNumber("max_depth", None, 1, 100, "Largest depth of a tree."),
                WholeNumber("min_samples_leaf", 20, 1, 100_000, "Fewest rows in a leaf."),
                Number("l2_regularization", 0.0, 0.0, 1e6, "Strength of the L2 penalty."),
            ),
            {"classification": _boosting_classifier, "regression": _boosting_regressor},
        ),
        Estimator(
            "isolation_forest",
            "Isolation forest",
            "forest",
            (
                WholeNumber("n_estimators", 100, 1, 2000, "Number of trees."),
                WholeNumber(
                    "max_samples",
                    None,
                    2,
                    100_000,
                    "Rows that each tree is grown on; 256 when absent.",
                ),
                Number(
                    "max_features", 1.0, 0.01, 1.0, "Share of the columns that each tree looks at."
                ),
            ),
            {"anomaly": _isolation_forest},
        ),
    )
}


def default_estimator(task: Task) -> str:
    """Return the estimator that is trained when none is asked for.

    Histogram gradient boosting: it takes missing values and unscaled columns as they are. For anomalies an
    isolation forest: it keeps no row that it learnt from.
    """
    wanted = CATALOGUE["isolation_forest" if task == "anomaly" else "hist_gradient_boosting"]
    assert task in wanted.build
    return wanted.key


def estimator_named(key: str, task: Task) -> Estimator:
    """Return a catalogue entry.

    Raises
    ------
    EstimatorUnknown
        There is none of this key, or it is not for this task.
    """
    entry = CATALOGUE.get(key)
    if entry is None or task not in entry.build:
        known = ", ".join(one.key for one in CATALOGUE.values() if task in one.build)
        raise EstimatorUnknown(f"For {task}, choose among {known}.", field="estimator")
    return entry


def validated_params(entry: Estimator, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return all hyper-parameters of an entry, the given ones checked and the others at their default.

    Raises
    ------
    HyperparameterRefused
        Names each parameter that is unknown, of the wrong type or out of range.
    """
    known = {parameter.name: parameter for parameter in entry.parameters}
    errors: list[FieldError] = []
    for name, value in params.items():
        parameter = known.get(name)
        complaint = (
            f"{entry.key} has no such hyper-parameter; it has {', '.join(known)}"
            if parameter is None
            else parameter.complaint(value)
        )
        if complaint:
            errors.append(FieldError(f"params.{name}", complaint))
    if errors:
        raise HyperparameterRefused(f"{errors[0].field}: {errors[0].message}", errors=errors)
    return {name: params.get(name, parameter.default) for name, parameter in known.items()}


def build_estimator(entry: Estimator, task: Task, params: Mapping[str, Any], seed: int) -> Any:
    """Return an unfitted estimator."""
    return entry.build[task](params, seed)
