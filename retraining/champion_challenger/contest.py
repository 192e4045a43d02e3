"""Two models on the same labelled rows: losses for the bet, and metrics to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from retraining.champion_challenger.losses import (
    Loss,
    brier_losses,
    clipped_absolute_errors,
    zero_one_losses,
)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answers:
    """What one model says about n rows.

    Attributes
    ----------
    predictions
        n labels (classification) or numbers (regression).
    probabilities
        n rows by K classes, where the classifier gives them.
    classes
        The K classes in the order of the columns.
    """

    predictions: Sequence[object]
    probabilities: FloatArray | None = None
    classes: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Contest:
    """The per-row losses of both models, and the metrics that are shown beside them."""

    loss: Loss
    champion_losses: FloatArray
    challenger_losses: FloatArray
    champion_metrics: Mapping[str, float]
    challenger_metrics: Mapping[str, float]


def classify(labels: Sequence[object], champion: Answers, challenger: Answers) -> Contest:
    """Measure two classifiers: Brier losses where both give probabilities, else 0/1.

    Examples
    --------
    >>> contest = classify(["a", "b"], Answers(["a", "a"]), Answers(["a", "b"]))
    >>> contest.loss, contest.champion_losses.tolist()
    (<Loss.ZERO_ONE: 'zero_one'>, [0.0, 1.0])
    """
    # A column of doubles holds 1.0 where the models say 1: the same class, but another text.
    known = {label: label for label in (*champion.classes, *challenger.classes)}
    labels = [known.get(label, label) for label in labels]
    both = (champion, challenger)
    forecasts = [answers.probabilities for answers in both]
    if forecasts[0] is not None and forecasts[1] is not None:
        loss = Loss.BRIER
        losses = [
            brier_losses(labels, forecast, answers.classes)
            for forecast, answers in zip(forecasts, both, strict=True)
            if forecast is not None
        ]
    else:
        loss = Loss.ZERO_ONE
        losses = [zero_one_losses(labels, answers.predictions) for answers in both]
    metrics = [_class_metrics(labels, answers) for answers in both]
    return Contest(loss, losses[0], losses[1], metrics[0], metrics[1])


def regress(
    labels: Sequence[object], champion: Answers, challenger: Answers, *, scale: float
) -> Contest:
    """Measure two regressors by absolute errors, in units of ``scale`` and clipped at one.

    Examples
    --------
    >>> regress([1.0], Answers([2.0]), Answers([1.0]), scale=4.0).champion_losses.tolist()
    [0.25]
    """
    truth = np.asarray(labels, dtype=np.float64)
    said = (champion.predictions, challenger.predictions)
    values = [np.asarray(predictions, dtype=np.float64) for predictions in said]
    losses = [clipped_absolute_errors(truth, value, scale=scale) for value in values]
    metrics = [_number_metrics(truth, value) for value in values]
    return Contest(Loss.ABSOLUTE_ERROR, losses[0], losses[1], metrics[0], metrics[1])


def _class_metrics(labels: Sequence[object], answers: Answers) -> dict[str, float]:
    truth = [str(label) for label in labels]
    said = [str(label) for label in answers.predictions]
    metrics = {
        "accuracy": float(accuracy_score(truth, said)),
        "f1_macro": float(f1_score(truth, said, average="macro", zero_division=0.0)),
    }
    if answers.probabilities is None:
        return metrics
    metrics["brier"] = float(brier_losses(labels, answers.probabilities, answers.classes).mean())
    names = [str(known) for known in answers.classes]
    if len(names) == 2 and set(truth) == set(names):
        positive = [label == names[1] for label in truth]
        metrics["roc_auc"] = float(roc_auc_score(positive, answers.probabilities[:, 1]))
    return metrics


def _number_metrics(truth: FloatArray, values: FloatArray) -> dict[str, float]:
    metrics = {
        "mae": float(mean_absolute_error(truth, values)),
        "rmse": float(root_mean_squared_error(truth, values)),
    }
    if truth.size > 1 and float(np.ptp(truth)) > 0.0:
        metrics["r2"] = float(r2_score(truth, values))
    return metrics
