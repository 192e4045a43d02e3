"""Rows to ask a model with: no row of anybody's data leaves with an export."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models_registry.runtimes.proof import proof_rows
from models_registry.signatures import (
    Columns,
    Field,
    InputRefused,
    Signature,
    columns_from_records,
    decode_instances,
    encode_instances,
)

_MOMENT = "2026-01-31T08:30:00Z"


def made_up_rows(signature: Signature, count: int, rng: np.random.Generator) -> Columns:
    """Return rows that follow from the signature alone; nullable columns are sometimes missing.

    Numbers are normal with a standard deviation of 10, whole ones rounded; texts are known categories.
    """
    numeric = rng.normal(0.0, 10.0, size=(count, len(signature.numeric)))
    for index, one in enumerate(signature.numeric):
        if one.type == "integer":
            numeric[:, index] = np.round(numeric[:, index])
        elif one.type == "boolean":
            numeric[:, index] = rng.integers(0, 2, count)
        if one.nullable:
            numeric[rng.random(count) < 0.1, index] = np.nan
    texts = tuple(_texts(one, count, rng) for one in signature.text)
    return Columns(signature, numeric, texts, count)


def kinds_of_rows(
    signature: Signature, real: Columns | None, rng: np.random.Generator, *, count: int
) -> dict[str, Columns]:
    """Return rows of several kinds that the signature takes: ``real`` (if there are any), random, edge, missing.

    Parameters
    ----------
    real
        Rows as the model saw them in training; they are asked with, and do not leave. Without them, ``made up``
        ones take their place.
    count
        Most rows of one kind.
    """
    has_real = real is not None and real.row_count > 0
    basis = real if has_real and real is not None else made_up_rows(signature, count, rng)
    kinds = dict(proof_rows(signature, basis, rng, count))
    if not has_real:
        kinds["made up"] = kinds.pop("real")
    fitting = {kind: _fitting(rows) for kind, rows in kinds.items()}
    return {kind: rows for kind, rows in fitting.items() if rows.row_count}


def _texts(field: Field, count: int, rng: np.random.Generator) -> npt.NDArray[np.object_]:
    drawn = np.empty(count, dtype=object)
    if field.format is not None:
        drawn[:] = _MOMENT
    else:
        drawn[:] = rng.choice(np.array(field.categories or ("text",), dtype=object), count)
    if field.nullable:
        drawn[rng.random(count) < 0.1] = ""
    return drawn


def _fitting(rows: Columns) -> Columns:
    """Return the rows that the signature takes: limits of a schema may refuse some that were drawn."""
    records = decode_instances(encode_instances(rows))
    try:
        return columns_from_records(rows.signature, records)
    except InputRefused:
        kept = []
        for record in records:
            try:
                columns_from_records(rows.signature, [record])
            except InputRefused:
                continue
            kept.append(record)
        return columns_from_records(rows.signature, kept)
