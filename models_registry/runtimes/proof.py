"""Proving that a runtime gives the same answers as scikit-learn, on rows that went through the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models_registry.runtimes.base import Runtime, Scores, no_scores
from models_registry.signatures import (
    Columns,
    Signature,
    columns_from_body,
    encode_instances,
)

#: Largest difference of a probability, or relative difference of a value, that counts as equal.
TOLERANCE = 1e-5
#: So many rows of each kind are asked for one by one, too.
ASKED_SINGLY = 50
#: What 64 signed bits hold, as doubles.
_INTEGERS = (-(2.0**63), 2.0**63)
_UNSEEN = "a category that nobody has seen"
_ANOTHER_MOMENT = "1999-12-31T23:59:59Z"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two runtimes agree on one kind of rows.

    Attributes
    ----------
    largest_difference
        Of a probability (absolute), or of a value (relative to max(1, |value|)).
    label_mismatches
        Rows with another class although the probabilities are not within tolerance of a tie.
    """

    rows: int
    largest_difference: float
    label_mismatches: int

    @property
    def is_equal(self) -> bool:
        """Whether the answers count as the same."""
        return self.label_mismatches == 0 and self.largest_difference <= TOLERANCE


def differing_rows(left: Scores, right: Scores) -> npt.NDArray[np.float64]:
    """Return for each row by how much two answers differ, shape (n,)."""
    gap = np.abs(left.scores - right.scores)
    if left.probabilities is None:
        gap = gap / np.maximum(1.0, np.abs(left.scores))
    widest: npt.NDArray[np.float64] = np.nan_to_num(gap, nan=np.inf).max(axis=1, initial=0.0)
    return widest


def compare(left: Scores, right: Scores) -> Agreement:
    """Compare the answers of two runtimes for the same rows."""
    gaps = differing_rows(left, right)
    mismatches = 0
    if left.probabilities is not None:
        ranked = np.sort(left.probabilities, axis=1)
        is_tie = ranked[:, -1] - ranked[:, -2] <= TOLERANCE
        differs = np.array([a != b for a, b in zip(left.labels, right.labels, strict=True)])
        mismatches = int((differs & ~is_tie).sum())
    return Agreement(len(gaps), float(gaps.max(initial=0.0)), mismatches)


def through_the_wire(columns: Columns) -> Columns:
    """Return the rows as a server would see them: encoded as JSON, decoded and checked."""
    return columns_from_body(columns.signature, encode_instances(columns))


def proof_rows(
    signature: Signature, real: Columns, rng: np.random.Generator, count: int = 200
) -> Mapping[str, Columns]:
    """Return rows of four kinds on which runtimes are compared.

    ``real`` ones as they were seen; ``random`` ones within and beyond the ranges seen; ``edge`` ones (zero,
    smallest, largest, far outside, unseen categories); and ``missing`` ones, where columns may be null.
    """
    low, high = _ranges(real)
    spread = np.where(high > low, high - low, 1.0)
    random_numbers = rng.uniform(low - spread, high + spread, size=(count, len(low)))
    levels = np.array([low, high, np.zeros_like(low), low - 100 * spread, high + 100 * spread])
    chosen = rng.integers(0, len(levels), size=(count, len(low)))
    edge_numbers = levels[chosen, np.arange(len(low))]
    edge_numbers = np.where(rng.random(edge_numbers.shape) < 0.5, edge_numbers, low)
    kinds = {
        "real": real.take(slice(0, count)),
        "random": _rows(signature, random_numbers, real, rng, unseen_share=0.0),
        "edge": _rows(signature, edge_numbers, real, rng, unseen_share=0.3),
    }
    nullable = np.array([field.nullable for field in signature.numeric], dtype=bool)
    if nullable.any():
        holes = (rng.random(random_numbers.shape) < 0.3) & nullable
        holes[:, np.flatnonzero(nullable)[0]] |= ~holes.any(axis=1)
        kinds["missing"] = _rows(
            signature, np.where(holes, np.nan, random_numbers), real, rng, unseen_share=0.0
        )
    return kinds


def _ranges(real: Columns) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    filled = np.where(np.isnan(real.numeric), 0.0, real.numeric)
    if not len(filled):
        return np.zeros(filled.shape[1]), np.ones(filled.shape[1])
    limit = 1e30
    return np.clip(filled.min(axis=0), -limit, limit), np.clip(filled.max(axis=0), -limit, limit)


def _rows(
    signature: Signature,
    numbers: npt.NDArray[np.float64],
    real: Columns,
    rng: np.random.Generator,
    *,
    unseen_share: float,
) -> Columns:
    values = numbers.copy()
    for index, field in enumerate(signature.numeric):
        if field.type == "integer":
            values[:, index] = np.clip(np.round(values[:, index]), *_INTEGERS)
        elif field.type == "boolean":
            missing = np.isnan(values[:, index])
            values[:, index] = np.where(missing, np.nan, rng.integers(0, 2, len(values)))
    texts = []
    for field, column in zip(signature.text, real.text, strict=True):
        other = _UNSEEN if field.format is None else _ANOTHER_MOMENT
        drawn = np.empty(len(values), dtype=object)
        drawn[:] = rng.choice(column, size=len(values)) if len(column) else other
        drawn[rng.random(len(values)) < unseen_share] = other
        texts.append(drawn)
    return Columns(signature, values, tuple(texts), len(values))


def agreements(
    reference: Runtime, candidate: Runtime, kinds: Mapping[str, Columns]
) -> dict[str, Agreement]:
    """Compare two runtimes on each kind of rows; the candidate gets them through the wire.

    It is asked for all of them together, and for the first ones singly: for one row a runtime may take another way.
    """
    found: dict[str, Agreement] = {}
    for kind, rows in kinds.items():
        expected, sent = reference.predict(rows), through_the_wire(rows)
        together = compare(expected, candidate.predict(sent))
        singly = compare(_first(expected, ASKED_SINGLY), ask_singly(candidate, sent))
        found[kind] = Agreement(
            together.rows,
            max(together.largest_difference, singly.largest_difference),
            max(together.label_mismatches, singly.label_mismatches),
        )
    return found


def ask_singly(runtime: Runtime, rows: Columns, count: int = ASKED_SINGLY) -> Scores:
    """Return the answers to the first rows, each asked for by itself."""
    answers = [
        runtime.predict(rows.take(slice(place, place + 1)))
        for place in range(min(count, rows.row_count))
    ]
    if not answers:
        return no_scores(rows.signature)
    labels = [label for one in answers for label in one.labels]
    parts = [one.probabilities for one in answers if one.probabilities is not None]
    return Scores(labels, np.concatenate(parts) if parts else None)


def _first(scores: Scores, count: int) -> Scores:
    probabilities = scores.probabilities
    return Scores(scores.labels[:count], None if probabilities is None else probabilities[:count])
