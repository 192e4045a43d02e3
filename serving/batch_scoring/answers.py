"""Answers as columns of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from datasets.schema import Column, ColumnType, Schema
from models_registry.runtimes import Scores
from models_registry.signatures import ReadRows, Signature


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """The columns of a scored version: those that are kept, then what the model said.

    Attributes
    ----------
    kept
        Columns of the scored version that go with the answers.
    row
        Name of the column with each row's number in the scored version, counted from 0.
    probabilities
        One column for each class, in the order of the signature; none for a regressor.
    """

    kept: Schema
    row: str
    prediction: str
    probabilities: tuple[str, ...]
    version: str
    problem: str
    prediction_type: ColumnType
    version_number: int

    @classmethod
    def of(cls, signature: Signature, kept: Schema, *, version_number: int) -> AnswerTable:
        """Return the columns for a model; a name that a kept column has already is made longer."""
        taken = set(kept.names)

        def free(name: str) -> str:
            while name in taken:
                name += "_scored"
            taken.add(name)
            return name

        return cls(
            kept=kept,
            row=free("source_row"),
            prediction=free("prediction"),
            probabilities=tuple(
                free(f"probability_{one}"[:200]) for one in signature.classes or ()
            ),
            version=free("model_version"),
            problem=free("prediction_problem"),
            prediction_type=_type_of(signature),
            version_number=version_number,
        )

    @property
    def schema(self) -> Schema:
        """The schema of the scored version."""
        return Schema(
            (
                Column(self.row, ColumnType.INTEGER),
                *self.kept,
                Column(self.prediction, self.prediction_type),
                *(Column(name, ColumnType.NUMBER) for name in self.probabilities),
                Column(self.version, ColumnType.INTEGER),
                Column(self.problem, ColumnType.STRING),
            )
        )

    def batch(
        self, given: pa.RecordBatch, read: ReadRows, scores: Scores, *, first_row: int
    ) -> pa.RecordBatch:
        """Return a batch of rows with their answers; those that were refused have none.

        Parameters
        ----------
        first_row
            The number of the first row in the scored version.
        """
        count = given.num_rows
        absent = read.refused if read.refused.any() else None
        problems = pa.nulls(count, pa.string())
        if read.problems:
            problems = pa.array([read.problems.get(row) for row in range(count)], pa.string())
        labels: Sequence[object] = scores.labels
        if self.prediction_type is ColumnType.STRING:
            labels = [one if isinstance(one, str) else str(one) for one in labels]
        said = scores.probabilities
        arrays = [
            pa.array(np.arange(first_row, first_row + count, dtype=np.int64)),
            *(given.column(name) for name in self.kept.names),
            pa.array(labels, self.prediction_type.arrow, mask=absent)
            if absent is None
            else _without(labels, absent, self.prediction_type.arrow),
            *(
                pa.array(np.ascontiguousarray(said[:, place]), mask=absent)
                for place in range(len(self.probabilities))
                if said is not None
            ),
            pa.array(np.full(count, self.version_number, dtype=np.int64)),
            problems,
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema.to_arrow())


def _without(labels: Sequence[object], absent: np.ndarray, kind: pa.DataType) -> pa.Array:
    chosen = [None if gone else one for one, gone in zip(labels, absent.tolist(), strict=True)]
    return pa.array(chosen, kind)


def _type_of(signature: Signature) -> ColumnType:
    if signature.classes is None:
        return ColumnType.NUMBER
    kinds = {type(one) for one in signature.classes}
    if kinds == {bool}:
        return ColumnType.BOOLEAN
    return ColumnType.INTEGER if kinds == {int} else ColumnType.STRING
