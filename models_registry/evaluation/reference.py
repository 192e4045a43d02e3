"""The reference sample of a version: rows with out-of-sample answers, which production is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models_registry.runtimes import Scores

PREDICTION_COLUMN = "__prediction__"
SCORE_COLUMN = "__score__"
#: No sample is larger.
MOST_ROWS = 50_000


def reference_table(
    features: pd.DataFrame,
    answers: Sequence[tuple[npt.NDArray[np.intp], Scores]],
    *,
    target: str = "",
    truth: npt.NDArray[np.object_] | None = None,
    seed: int,
) -> pa.Table:
    """Return the rows that were answered, each with its answer; a seeded sample where there are many.

    Parameters
    ----------
    answers
        Positions of rows of ``features`` (n rows), and the answers that they got from a model that had not
        learnt from them.
    target, truth
        Name and n values of the true answers; none, when they are not known.
    """
    rows = np.concatenate([numbers for numbers, _ in answers])
    labels = [label for _, scores in answers for label in scores.labels]
    best = np.concatenate([scores.scores.max(axis=1) for _, scores in answers])
    kept = np.arange(len(rows))
    if len(rows) > MOST_ROWS:
        kept = np.sort(np.random.default_rng(seed).choice(len(rows), MOST_ROWS, replace=False))
    data = pa.Table.from_pandas(features.iloc[rows[kept]], preserve_index=False)
    if truth is not None:
        known: list[Any] = truth[rows[kept]].tolist()
        data = data.append_column(target, pa.array(known))
    data = data.append_column(PREDICTION_COLUMN, pa.array([labels[index] for index in kept]))
    return data.append_column(SCORE_COLUMN, pa.array(best[kept], type=pa.float64()))
