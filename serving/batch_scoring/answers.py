"""Answers as columns of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datasets.schema import Column, ColumnType, Schema
from models_registry.runtimes import Scores
from models_registry.signatures import Signature
from models_registry.signatures.batches import ReadRows


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
    decision
        Name of the column with the decisions at a threshold; empty where there is none.
    """

    kept: Schema
    row: str
    prediction: str
    probabilities: tuple[str, ...]
    version: str
    decision: str
    problem: str
    prediction_type: ColumnType
    version_number: int

    @classmethod
    def of(
        cls, signature: Signature, kept: Schema, *, version_number: int, decides: bool = False
    ) -> AnswerTable:
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
            decision=free("decision") if decides else "",
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
                *([Column(self.decision, self._decision_type)] if self.decision else []),
                Column(self.version, ColumnType.INTEGER),
                Column(self.problem, ColumnType.STRING),
            )
        )

    @property
    def _decision_type(self) -> ColumnType:
        """One of two classes, or whether a row is an anomaly."""
        return self.prediction_type if self.probabilities else ColumnType.BOOLEAN

    def batch(
        self,
        given: pa.RecordBatch,
        read: ReadRows,
        scores: Scores,
        *,
        first_row: int,
        decisions: Sequence[object] = (),
    ) -> pa.RecordBatch:
        """Return a batch of rows with their answers; those that were refused have none.

        Parameters
        ----------
        first_row
            The number of the first row in the scored version.
        decisions
            One for each row, where there is a column for them.
        """
        count = given.num_rows
        absent = read.refused if read.refused.any() else None
        problems = pa.nulls(count, pa.string())
        if read.problems:
            problems = pa.array([read.problems.get(row) for row in range(count)], pa.string())
        said = scores.probabilities
        arrays = [
            pa.array(np.arange(first_row, first_row + count, dtype=np.int64)),
            *(given.column(name) for name in self.kept.names),
            _column(scores.labels, absent, self.prediction_type),
            *(
                pa.array(np.ascontiguousarray(said[:, place]), mask=absent)
                for place in range(len(self.probabilities))
                if said is not None
            ),
            *([_column(decisions, absent, self._decision_type)] if self.decision else []),
            pa.array(np.full(count, self.version_number, dtype=np.int64)),
            problems,
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema.to_arrow())


def _column(
    values: Sequence[object], absent: npt.NDArray[np.bool_] | None, kind: ColumnType
) -> pa.Array:
    """Return a value for each row, null where there is no answer."""
    if absent is not None:
        pairs = zip(values, absent.tolist(), strict=True)
        values = [None if is_gone else one for one, is_gone in pairs]
    try:
        return pa.array(values, kind.arrow)
    except pa.ArrowTypeError:
        if kind is not ColumnType.STRING:
            raise
    # Classes of several kinds, such as 1 and "two".
    return pa.array([None if one is None else str(one) for one in values], kind.arrow)


def _type_of(signature: Signature) -> ColumnType:
    if signature.classes is None:
        return ColumnType.NUMBER
    kinds = {type(one) for one in signature.classes}
    if kinds == {bool}:
        return ColumnType.BOOLEAN
    return ColumnType.INTEGER if kinds == {int} else ColumnType.STRING
