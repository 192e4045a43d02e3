"""A column as the target: classes or numbers, of the rows that have one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from datasets.profile.sample import Floats, SampledColumn
from datasets.schema import ColumnType

Task = Literal["classification", "regression"]

MOST_CLASSES = 20


@dataclass(frozen=True, slots=True)
class Target:
    """The target of the sampled rows that have one.

    Attributes
    ----------
    values
        Codes of classes, or numbers.
    classes
        How the classes are called; empty for numbers.
    """

    name: str
    task: Task
    rows: npt.NDArray[np.bool_]
    values: Floats
    classes: tuple[str, ...] = ()


def target_of(column: SampledColumn) -> Target:
    """Return a column as a target: classes when it is text, true or false, or has few integers.

    Integers with at most 20 different values are classes, all other numbers are numbers.
    """
    rows = ~column.missing
    if column.codes is not None:
        labels = tuple(_label(label) for label in column.labels)
        return Target(
            column.name,
            "classification",
            rows,
            column.codes[rows].astype(np.float64),
            labels,
        )
    assert column.numbers is not None
    numbers = column.numbers[rows]
    if column.column.type is ColumnType.INTEGER:
        found, codes = np.unique(numbers, return_inverse=True)
        if len(found) <= MOST_CLASSES:
            labels = tuple(str(int(value)) for value in found)
            return Target(column.name, "classification", rows, codes.astype(np.float64), labels)
    return Target(column.name, "regression", rows, numbers)


def _label(label: str | bool) -> str:
    return str(label).lower() if isinstance(label, bool) else label
