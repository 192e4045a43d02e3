"""Trying a graph on a few made-up rows: what its outputs look like, and whether it can be run at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models_registry.errors import ModelRefused

_ROWS = 6
#: How far the probabilities of a row may be from 1 in sum: float32 over some hundred classes.
_SUM_TOLERANCE = 1e-3
_FLOATS = ("float16", "float32", "float64")


def probe(
    data: bytes, facts: Mapping[str, Any], *, column_count: int | None, texts: Sequence[Any]
) -> list[dict[str, Any]]:
    """Return what the outputs of an inspected file look like, as JSON-compatible values.

    Parameters
    ----------
    facts
        What :func:`~models_registry.uploads.inspection.inspect` said of it.
    column_count
        How many columns there are altogether, where that was said; it decides the width of an open input.
    texts
        For each column the texts that it knows, or None.

    Returns
    -------
    list of dict
        For each output its ``name``, ``operator``, ``kind`` (``labels``, ``numbers``, ``maps``), ``type``,
        ``width`` and ``keys`` (of maps), and whether all rows ``sums_to_one``.

    Raises
    ------
    ModelRefused
        onnxruntime cannot open it or cannot compute the rows, or an output is not one answer for each row.
    """
    import onnxruntime

    widths = widths_of(facts["inputs"], column_count)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class of their own
        raise ModelRefused(
            f"onnxruntime cannot open the model: {_short(error)}", field="file"
        ) from error
    answers = _run(session, facts["inputs"], widths, texts, _ROWS)
    alone = _run(session, facts["inputs"], widths, texts, 1)
    found = []
    for place, one in enumerate(facts["outputs"]):
        seen = _look(one["name"], answers[place], _ROWS)
        _look(one["name"], alone[place], 1)
        found.append({**one, **seen})
    return found


def widths_of(inputs: Sequence[Mapping[str, Any]], column_count: int | None) -> list[int]:
    """Return how many columns each input takes.

    Raises
    ------
    ModelRefused
        An input's width is open, and nothing that was said decides it.
    """
    is_open = [one["name"] for one in inputs if one["width"] is None]
    known = sum(one["width"] or 0 for one in inputs)
    if not is_open:
        return [int(one["width"]) for one in inputs]
    if len(is_open) > 1 or column_count is None or column_count <= known:
        raise ModelRefused(
            f"The input '{is_open[0]}' does not say how many columns it takes; name the columns in the "
            "signature.",
            field="signature.inputs",
        )
    return [int(one["width"] or column_count - known) for one in inputs]


def _run(
    session: Any,
    inputs: Sequence[Mapping[str, Any]],
    widths: Sequence[int],
    texts: Sequence[Any],
    rows: int,
) -> list[Any]:
    rng = np.random.default_rng(0)
    feeds, column = {}, 0
    for one, width in zip(inputs, widths, strict=True):
        block = np.empty((rows, width), dtype=object)
        for place in range(width):
            said = texts[column] if column < len(texts) else None
            block[:, place] = _values(one["type"], said or one["categories"], rows, rng)
            column += 1
        typed: npt.NDArray[Any] = block if one["type"] == "string" else block.astype(one["type"])
        feeds[one["name"]] = typed.reshape(-1) if one["rank"] == 1 else typed
    try:
        answers: list[Any] = session.run(None, feeds)
    except Exception as error:
        raise ModelRefused(
            f"The model cannot compute {rows} made-up row(s): {_short(error)}", field="file"
        ) from error
    return answers


def _values(kind: str, known: Sequence[str] | None, rows: int, rng: np.random.Generator) -> Any:
    """Return made-up values of a column: first zeros, then small numbers."""
    if kind == "string":
        choice = list(known or ("",))
        return [choice[row % len(choice)] for row in range(rows)]
    if kind == "bool":
        return [row % 2 == 1 for row in range(rows)]
    if kind in _FLOATS:
        return [0.0, *rng.normal(0.0, 1.0, rows - 1).tolist()]
    return [0, *rng.integers(0, 3, rows - 1).tolist()]


def _look(name: str, answer: Any, rows: int) -> dict[str, Any]:
    if isinstance(answer, list):
        return _look_at_maps(name, answer, rows)
    array = np.asarray(answer)
    if array.ndim == 0 or array.ndim > 2 or len(array) != rows:
        shape = "×".join(map(str, array.shape)) or "a single value"
        raise ModelRefused(
            f"The output '{name}' is {shape} for {rows} row(s); one answer for each row is needed.",
            field="file",
        )
    width = 1 if array.ndim == 1 else int(array.shape[1])
    if array.dtype.kind == "f":
        return {
            "kind": "numbers",
            "type": array.dtype.name,
            "width": width,
            "keys": None,
            "sums_to_one": _sums_to_one(array.reshape(rows, width)),
        }
    kind = "string" if array.dtype.kind in "OUS" else array.dtype.name
    return {"kind": "labels", "type": kind, "width": width, "keys": None, "sums_to_one": False}


def _look_at_maps(name: str, answer: list[Any], rows: int) -> dict[str, Any]:
    if len(answer) != rows or not all(isinstance(one, dict) and one for one in answer):
        raise ModelRefused(f"The output '{name}' is no map of classes for each row.", field="file")
    keys = list(answer[0])
    if any(set(one) != set(keys) for one in answer):
        raise ModelRefused(f"The maps of the output '{name}' have different keys.", field="file")
    matrix = np.array([[one[key] for key in keys] for one in answer], dtype=np.float64)
    return {
        "kind": "maps",
        "type": "float32",
        "width": len(keys),
        "keys": keys,
        "sums_to_one": _sums_to_one(matrix),
    }


def _sums_to_one(matrix: npt.NDArray[Any]) -> bool:
    if not np.isfinite(matrix).all() or matrix.shape[1] < 2:
        return False
    low, high = float(matrix.min()), float(matrix.max())
    is_close = np.abs(matrix.sum(axis=1) - 1.0) <= _SUM_TOLERANCE
    return bool(low >= -_SUM_TOLERANCE and high <= 1 + _SUM_TOLERANCE and is_close.all())


def _short(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said.rpartition(" : ")[2][:300] or type(error).__name__
