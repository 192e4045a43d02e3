"""The naive model that a real one has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models_registry.evaluation.metrics import metrics_of


def baseline_metrics(
    *, train: npt.NDArray[Any], test: npt.NDArray[Any], classes: Sequence[Any] | None
) -> dict[str, float | None]:
    """Return the metrics of always answering the training shares (classes) or the training mean.

    Parameters
    ----------
    train, test
        The targets of both parts.
    """
    if classes is None:
        mean = float(train.astype(np.float64).mean())
        return metrics_of(truth=test, labels=[mean] * len(test), probabilities=None, classes=None)
    shares = np.array([(train.astype(str) == str(label)).mean() for label in classes])
    return metrics_of(
        truth=test,
        labels=[classes[int(shares.argmax())]] * len(test),
        probabilities=np.tile(shares, (len(test), 1)),
        classes=classes,
    )
