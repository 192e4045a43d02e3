"""The demo's rows: what is trained on, and what production then brings.

The patients are cut in three, and nobody is on two sides: 60 % are the training file; half of the
others come in the quiet stretch and once more, measured again, when the drifting one begins; the
other half comes only later. So the challenger is tested on patients whom neither model has met. And
within a stretch nobody comes twice, because tests of drift and of models take rows for independent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer

FloatArray = npt.NDArray[np.float64]

TARGET = "diagnosis"
SEED = 2023
TRAINING_SHARE = 0.6
BATCH_ROWS = 10
QUIET_BATCHES = 10
DRIFTING_EARLY_BATCHES = 11
DRIFTING_LATE_BATCHES = 9
#: Relative standard deviation of what is added to each measurement.
JITTER = 0.01
#: From some day on, one instrument reports this column in square centimetres, not square inches.
DRIFTING_COLUMN = "worst area"
DRIFTING_FACTOR = 2.54**2


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one request, with what turned out to be true about them."""

    instances: tuple[dict[str, float], ...]
    labels: tuple[str, ...]
    is_drifting: bool


@dataclass(frozen=True, slots=True)
class DemoData:
    """Everything that the demo sends, the same on every machine."""

    features: tuple[str, ...]
    training_csv: bytes
    batches: tuple[Batch, ...]

    @property
    def quiet_rows(self) -> int:
        """Rows before the unit changes."""
        return BATCH_ROWS * QUIET_BATCHES

    @property
    def late_rows(self) -> int:
        """Rows of patients who come only after the unit has changed."""
        return BATCH_ROWS * DRIFTING_LATE_BATCHES

    @property
    def row_count(self) -> int:
        """Rows of all batches."""
        return sum(len(batch.instances) for batch in self.batches)


def demo_data() -> DemoData:
    """Return the demo's rows."""
    bunch = load_breast_cancer()
    values = cast("FloatArray", bunch.data)
    names = [str(name) for name in bunch.target_names]
    labels = [names[index] for index in bunch.target]
    features = tuple(str(name) for name in bunch.feature_names)

    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(labels))
    known, unknown = np.split(order, [round(TRAINING_SHARE * len(labels))])
    first, later = np.split(unknown, [len(unknown) // 2])
    stretches = (
        (first, QUIET_BATCHES, False),
        (first, DRIFTING_EARLY_BATCHES, True),
        (later, DRIFTING_LATE_BATCHES, True),
    )
    return DemoData(
        features=features,
        training_csv=_csv(features, values[known], [labels[row] for row in known]),
        batches=tuple(
            batch
            for patients, count, is_drifting in stretches
            for batch in _batches(features, values, labels, patients, count, is_drifting, rng)
        ),
    )


def _csv(features: tuple[str, ...], rows: FloatArray, labels: list[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*features, TARGET])
    for row, label in zip(rows.tolist(), labels, strict=True):
        writer.writerow([*row, label])
    return text.getvalue().encode()


def _batches(
    features: tuple[str, ...],
    values: FloatArray,
    labels: list[str],
    patients: npt.NDArray[np.intp],
    count: int,
    is_drifting: bool,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Yield batches of different patients, each measured with a little noise."""
    column = features.index(DRIFTING_COLUMN)
    drawn = rng.choice(patients, (count, BATCH_ROWS), replace=False)
    for chosen in drawn:
        measured = values[chosen] * rng.normal(1.0, JITTER, (BATCH_ROWS, len(features)))
        if is_drifting:
            measured[:, column] *= DRIFTING_FACTOR
        yield Batch(
            instances=tuple(
                cast("dict[str, float]", dict[str, Any](zip(features, row, strict=True)))
                for row in measured.round(6).tolist()
            ),
            labels=tuple(labels[row] for row in chosen),
            is_drifting=is_drifting,
        )
