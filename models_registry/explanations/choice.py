"""Choosing how a version's answers are explained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from models_registry.explanations.base import CannotExplain, Explainer, largest_gap
from models_registry.explanations.linear import LinearExplainer
from models_registry.explanations.permutation import PermutationExplainer
from models_registry.explanations.trees import TreeExplainer
from models_registry.runtimes import Runtime
from models_registry.runtimes.proof import TOLERANCE
from models_registry.signatures import Columns, Signature

#: Rows that a row is compared with.
REFERENCE_ROWS = 50
_SEED = 20_240
#: Exact contributions are cheap enough when they meet no more nodes of trees for a row (about 0.1 s).
MOST_STEPS = 1_000_000
_CHECKED_ROWS = 4


@dataclass(frozen=True, slots=True)
class ExplainerChoice:
    """How a version's answers are explained, and what that costs.

    Attributes
    ----------
    report
        JSON-compatible: method, quantity, whether it is exact, number of reference rows, evaluations and
        microseconds for a row, by how much contributions miss the answers, and why other ways were not taken.
    """

    explainer: Explainer
    report: dict[str, Any]


def reference_sample(columns: Columns) -> Columns:
    """Return the rows that others are compared with: a seeded sample of the version's reference rows."""
    if columns.row_count <= REFERENCE_ROWS:
        return columns
    rng = np.random.default_rng(_SEED)
    chosen = np.sort(rng.choice(columns.row_count, REFERENCE_ROWS, replace=False))
    return columns.take(chosen)


def choose_explainer(
    pipeline: Pipeline | None, signature: Signature, runtime: Runtime, reference: Columns
) -> ExplainerChoice:
    """Return the cheapest exact way to explain a model's answers, and permutations where there is none.

    An exact way is taken only when baseline and contributions give the runtime's own answers on some of the
    reference rows, to within 1e-5.

    Parameters
    ----------
    pipeline
        The fitted pipeline; None for a model that is known by its answers only.
    reference
        Rows that others are compared with (:func:`reference_sample`).

    Raises
    ------
    CannotExplain
        There is no reference row.
    """
    if not reference.row_count:
        raise CannotExplain("there is no reference row")
    some = reference.take(slice(0, _CHECKED_ROWS))
    scores = runtime.predict(some)
    reasons: dict[str, str] = {}
    for name, build in _candidates(pipeline, signature, runtime, reference):
        try:
            explainer = build()
            if isinstance(explainer, TreeExplainer):
                steps = explainer.steps(some) // some.row_count
                if steps > MOST_STEPS:
                    raise CannotExplain(f"its trees are too large: {steps:,} nodes for a row")
            began = time.perf_counter()
            gap = largest_gap(explainer, some, scores)
            seconds = time.perf_counter() - began
        except CannotExplain as error:
            reasons[name] = str(error)[:300]
            continue
        if gap <= TOLERANCE or name == PermutationExplainer.method:
            break
        reasons[name] = f"contributions miss the answers by {gap:.2g}"
    return ExplainerChoice(
        explainer,
        {
            "method": explainer.method,
            "quantity": explainer.quantity,
            "exact": explainer.is_exact,
            "reference_rows": explainer.reference_rows,
            "evaluations_per_row": explainer.evaluations_per_row,
            "microseconds_per_row": round(1e6 * seconds / some.row_count, 1),
            "largest_gap": min(gap, 1e300),
            "not_taken": reasons,
        },
    )


def _candidates(
    pipeline: Pipeline | None, signature: Signature, runtime: Runtime, reference: Columns
) -> Iterator[tuple[str, Callable[[], Explainer]]]:
    if pipeline is not None:
        yield "linear", lambda: LinearExplainer(pipeline, signature, reference)
        yield "trees", lambda: TreeExplainer(pipeline, signature, reference)
    yield "permutation", lambda: PermutationExplainer(runtime, signature, reference)
