"""Measuring an uploaded graph: against itself row by row, through the wire, and after storing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from core.errors import DomainError
from models_registry.gates import Difference
from models_registry.gates.measuring import measure_difference
from models_registry.runtimes import Runtime, Scores
from models_registry.runtimes.choice import microseconds_of, shown_agreements
from models_registry.runtimes.proof import compare, proof_rows, through_the_wire
from models_registry.signatures import Columns, Signature

#: Rows that are compared; more would take longer and show little more.
PARITY_ROWS = 500
_TRIAL_ROWS = 200


def trial_rows(signature: Signature, rng: np.random.Generator, count: int = _TRIAL_ROWS) -> Columns:
    """Return made-up rows: normal numbers, small whole ones, truth values, and the texts that are known."""
    numeric = np.empty((count, len(signature.numeric)))
    for at, field in enumerate(signature.numeric):
        if field.type == "number":
            numeric[:, at] = rng.normal(0.0, 1.0, count).astype(np.float32)
        else:
            numeric[:, at] = rng.integers(0, 2 if field.type == "boolean" else 10, count)
    texts = []
    for field in signature.text:
        column = np.empty(count, dtype=object)
        column[:] = rng.choice(np.array(field.categories or ("",), dtype=object), count)
        texts.append(column)
    return Columns(signature, numeric, tuple(texts), count)


def row_by_row(runtime: Runtime, rows: Columns) -> Scores:
    """Return the answers of a runtime that is asked for one row at a time."""
    answers = [runtime.predict(rows.take(slice(at, at + 1))) for at in range(rows.row_count)]
    labels = [label for one in answers for label in one.labels]
    parts = [one.probabilities for one in answers if one.probabilities is not None]
    return Scores(labels, np.concatenate(parts) if parts else None)


def differences(
    runtime: Runtime, reloaded: Callable[[], Runtime], rows: Columns
) -> tuple[Difference, Difference]:
    """Return how far answers through the wire, and answers of the stored file, are from the graph's own.

    A graph has no pipeline behind it that could be asked. So its answers to single rows that came in no wire are
    compared with those to all rows at once, behind the wire: the answer to a row must not depend on the
    rows beside it.
    """
    some = rows.take(slice(0, PARITY_ROWS))
    wire = measure_difference(
        lambda: row_by_row(runtime, some), lambda: runtime.predict(through_the_wire(some))
    )
    reload = measure_difference(lambda: runtime.predict(some), lambda: reloaded().predict(some))
    return wire, reload


def runtime_report(
    runtime: Runtime, signature: Signature, real: Columns | None, rng: np.random.Generator
) -> dict[str, Any]:
    """Return what is kept beside the version about its runtime, as for versions that were trained here."""
    kinds: Mapping[str, Columns] = (
        {"random": trial_rows(signature, rng)}
        if real is None or not real.row_count
        else proof_rows(signature, real, rng)
    )
    found, refused = {}, {}
    for kind, rows in kinds.items():
        try:
            found[kind] = compare(
                row_by_row(runtime, rows), runtime.predict(through_the_wire(rows))
            )
        except DomainError as error:  # an encoder may be strict about texts that it does not know
            refused[kind] = error.message
    some = next(iter(kinds.values())).take(slice(0, 1))
    return {
        runtime.name: {
            "built": True,
            "agreement": shown_agreements(found),
            "refused": refused,
            "microseconds_per_row": microseconds_of(runtime, some),
        },
        "kinds": {kind: rows.row_count for kind, rows in kinds.items()},
        "chosen": runtime.name,
        "reason": "it is the uploaded graph itself, compared with its own answers row by row",
    }
