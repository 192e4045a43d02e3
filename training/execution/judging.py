"""What a task makes of answers: metrics, a naive model, importances and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from models_registry.evaluation import (
    anomaly_metrics,
    baseline_metrics,
    metrics_of,
    rank_correlation,
    stability,
)
from models_registry.runtimes import Scores
from training.evaluation import anomaly_plots, plots_of
from training.execution.spec import TrainingSpec
from training.pipeline import leakage_suspects

Rows = npt.NDArray[np.intp]
Metrics = dict[str, float | None]

_IMPORTANCE_ROWS = 1_000


class Judge(Protocol):
    """Knows the true answers of all rows, as far as there are any; rows are positions among them."""

    @property
    def fitted_on(self) -> npt.NDArray[Any] | None:
        """The target of all rows as an estimator takes it; None where nothing but features is learnt."""

    @property
    def compares_models(self) -> bool:
        """Whether the models of a cross-validation shall answer the rows that were held out, too."""

    def can_learn_from(self, rows: Rows) -> bool:
        """Whether the rows hold all that is to be told apart."""

    def leakage_suspects(self, frame: pd.DataFrame, features: Sequence[str]) -> list[str]:
        """Return warnings about columns that tell the target nearly perfectly by themselves."""

    def metrics(self, rows: Rows, scores: Scores) -> Metrics:
        """Return the metrics of answers."""

    def metrics_beside(self, scores: Scores, others: Sequence[Scores]) -> Metrics:
        """Return the metrics of answers beside those of other models to the same rows."""

    def baseline(self, train: Rows, test: Rows) -> Metrics:
        """Return the metrics of a naive model."""

    def is_positive(self, rows: Rows) -> npt.NDArray[np.bool_] | None:
        """Return where the answer is yes; None where that is not known of all rows, or no such question."""

    def importances(self, pipeline: Pipeline, frame: pd.DataFrame, rows: Rows) -> dict[str, float]:
        """Return by how much answers get worse (or change) when a column is shuffled, on up to 1,000 rows."""

    def plots(
        self, rows: Rows, scores: Scores, importances: dict[str, float]
    ) -> dict[str, dict[str, Any]]:
        """Return the data of pictures."""


@dataclass(frozen=True, slots=True)
class TargetJudge:
    """Classes or values that are to be learnt."""

    spec: TrainingSpec
    target: npt.NDArray[np.object_]
    classes: Sequence[Any] | None

    @property
    def fitted_on(self) -> npt.NDArray[Any]:
        """Plain NumPy text, integers, truths or floats."""
        if self.classes is None:
            return self.target.astype(np.float64)
        return np.array(self.target.tolist())

    @property
    def compares_models(self) -> bool:
        """No: the truth is known."""
        return False

    def can_learn_from(self, rows: Rows) -> bool:
        """Whether all classes are among the rows."""
        return self.classes is None or len(set(self.target[rows].tolist())) == len(self.classes)

    def leakage_suspects(self, frame: pd.DataFrame, features: Sequence[str]) -> list[str]:
        """Return warnings about columns that are as good as the target."""
        return leakage_suspects(frame, self.target, features)

    def metrics_beside(self, scores: Scores, others: Sequence[Scores]) -> Metrics:
        """Nothing: the truth is known."""
        return {}

    def metrics(self, rows: Rows, scores: Scores) -> Metrics:
        """Return the metrics of a classifier or a regressor."""
        return metrics_of(
            truth=self.target[rows],
            labels=scores.labels,
            probabilities=scores.probabilities,
            classes=self.classes,
        )

    def baseline(self, train: Rows, test: Rows) -> Metrics:
        """Return the metrics of the training shares or the training mean."""
        return baseline_metrics(
            train=self.target[train], test=self.target[test], classes=self.classes
        )

    def is_positive(self, rows: Rows) -> npt.NDArray[np.bool_] | None:
        """Return where the second of two classes is true."""
        if self.classes is None or len(self.classes) != 2:
            return None
        return np.array([value == self.classes[1] for value in self.target[rows]], dtype=bool)

    def importances(self, pipeline: Pipeline, frame: pd.DataFrame, rows: Rows) -> dict[str, float]:
        """Return by how much the score falls."""
        some = rows[:_IMPORTANCE_ROWS]
        encoded = self.fitted_on[some]
        scoring = "neg_log_loss" if self.classes is not None else "r2"
        if self.classes is not None and len(np.unique(encoded)) < len(pipeline.classes_):
            scoring = "accuracy"
        result = permutation_importance(
            pipeline,
            frame.iloc[some],
            encoded,
            n_repeats=2,
            random_state=self.spec.seed,
            scoring=scoring,
        )
        return {
            str(name): float(value)
            for name, value in zip(frame.columns, result.importances_mean, strict=True)
        }

    def plots(
        self, rows: Rows, scores: Scores, importances: dict[str, float]
    ) -> dict[str, dict[str, Any]]:
        """Return curves, matrices and bars."""
        return plots_of(
            truth=self.target[rows],
            labels=scores.labels,
            probabilities=scores.probabilities,
            classes=self.classes,
            importances=importances,
        )


@dataclass(frozen=True, slots=True)
class AnomalyJudge:
    """Anomalies: known ones are not learnt from, they only say how well the scores rank.

    Attributes
    ----------
    target
        True, False, or None where nobody knows.
    """

    spec: TrainingSpec
    target: npt.NDArray[np.object_]

    @property
    def fitted_on(self) -> None:
        """Nothing: only features are learnt from."""
        return None

    @property
    def compares_models(self) -> bool:
        """Yes: it can be asked whether they agree, even where no anomaly is known."""
        return True

    def can_learn_from(self, rows: Rows) -> bool:
        """Always: nothing is to be told apart."""
        return True

    def leakage_suspects(self, frame: pd.DataFrame, features: Sequence[str]) -> list[str]:
        """Nothing: the target is not learnt."""
        return []

    def metrics_beside(self, scores: Scores, others: Sequence[Scores]) -> Metrics:
        """Return how alike models that learnt from different rows rank these."""
        return {"stability": stability(scores.scores[:, 0], [one.scores[:, 0] for one in others])}

    def metrics(self, rows: Rows, scores: Scores) -> Metrics:
        """Return areas over the rows whose truth is known; nothing, where no target was named."""
        if not self.spec.target:
            return {}
        return anomaly_metrics(self.target[rows], scores.scores[:, 0])

    def baseline(self, train: Rows, test: Rows) -> Metrics:
        """Return the metrics of the same score for all rows."""
        if not self.spec.target:
            return {}
        return anomaly_metrics(self.target[test], np.zeros(len(test)))

    def is_positive(self, rows: Rows) -> npt.NDArray[np.bool_] | None:
        """Return where anomalies are, if that is known of all of the rows."""
        values = self.target[rows].tolist()
        if any(one is None for one in values):
            return None
        return np.array(values, dtype=bool)

    def importances(self, pipeline: Pipeline, frame: pd.DataFrame, rows: Rows) -> dict[str, float]:
        """Return by how much the ranking changes: 1 - Spearman's rank correlation."""
        rng = np.random.default_rng(self.spec.seed)
        some = frame.iloc[rows[:_IMPORTANCE_ROWS]]
        usual = np.asarray(pipeline.score_samples(some), dtype=np.float64)
        found: dict[str, float] = {}
        for name in some.columns:
            order = rng.permutation(len(some))
            shuffled = some.assign(**{str(name): some[name].to_numpy()[order]})
            scores = np.asarray(pipeline.score_samples(shuffled), dtype=np.float64)
            found[str(name)] = 1.0 - (rank_correlation(usual, scores) or 0.0)
        return found

    def plots(
        self, rows: Rows, scores: Scores, importances: dict[str, float]
    ) -> dict[str, dict[str, Any]]:
        """Return bars, the distribution of the scores, and curves where anomalies are known."""
        return anomaly_plots(
            truth=self.target[rows], scores=scores.scores[:, 0], importances=importances
        )


def judge_of(
    spec: TrainingSpec, target: npt.NDArray[np.object_], classes: Sequence[Any] | None
) -> Judge:
    """Return who judges the answers of a task."""
    if spec.task == "anomaly":
        return AnomalyJudge(spec, target)
    return TargetJudge(spec, target, classes)
