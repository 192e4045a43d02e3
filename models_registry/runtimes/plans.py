"""Plans: what a runtime computes with, as plain numbers and texts.

A runtime that needs no scikit-learn to answer shall not need it to be loaded either: a process that only answers is
then a third of the size. A plan is made from the runtime that was proved, stored beside the model, and is nothing
but JSON: opening one can run nothing.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from models_registry.runtimes.base import CannotRun, Runtime
from models_registry.runtimes.linear import AffineMap, LinearRuntime, TextTerms
from models_registry.runtimes.onnx import OnnxRuntime
from models_registry.runtimes.preparation import NumericBlock, Preparation, TextBlock
from models_registry.signatures import Signature

_FORMAT = 1
_KINDS = ("f4", "f8", "i8")

Array = npt.NDArray[Any]


def plan_of(runtime: Runtime) -> bytes | None:
    """Return the plan of a runtime; None when it is of a kind that has none."""
    if type(runtime) is LinearRuntime:
        return _written("linear", _affine(runtime.map))
    if type(runtime) is OnnxRuntime:
        return _written("onnx", _preparation(runtime.preparation))
    return None


def runtime_of_plan(
    plan: bytes, signature: Signature, onnx: bytes | None, *, threads_for_many: int = 1
) -> Runtime:
    """Return the runtime that a plan was made of.

    Parameters
    ----------
    onnx
        The version's graph; None where it has none.
    threads_for_many
        See :class:`~models_registry.runtimes.onnx.OnnxRuntime`.

    Raises
    ------
    CannotRun
        It is no such plan, or belongs to another signature.
    """
    try:
        said = orjson.loads(plan)
        if said["format"] != _FORMAT:
            raise CannotRun(f"plans of format {said['format']} are not known")
        kind, parts = said["runtime"], said["parts"]
        if kind == "linear":
            return LinearRuntime(_read_affine(parts, signature), signature)
        if kind == "onnx" and onnx is not None:
            preparation = _read_preparation(parts, signature)
            return OnnxRuntime(preparation, signature, onnx, threads_for_many=threads_for_many)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise CannotRun(f"the plan cannot be read: {error!r}") from error
    raise CannotRun(f"there is no plan of a runtime '{kind}' for these files")


def _written(kind: str, parts: dict[str, Any]) -> bytes:
    return orjson.dumps({"format": _FORMAT, "runtime": kind, "parts": parts})


def _affine(one: AffineMap) -> dict[str, Any]:
    return {
        "bias": _array(one.bias),
        "weights": _array(one.weights),
        "fill": _array(one.fill),
        "tables": [
            {"source": table.source, "codes": dict(table.codes), "table": _array(table.table)}
            for table in one.tables
        ],
    }


def _read_affine(said: dict[str, Any], signature: Signature) -> AffineMap:
    made = AffineMap(
        _read_array(said["bias"]),
        _read_array(said["weights"]),
        _read_array(said["fill"]),
        tuple(
            TextTerms(int(one["source"]), _codes(one["codes"]), _read_array(one["table"]))
            for one in said["tables"]
        ),
    )
    outputs = len(made.bias)
    _check(made.weights.shape == (len(signature.numeric), outputs), "weights")
    _check(made.fill.shape == (len(signature.numeric),), "fill")
    for table in made.tables:
        _check(0 <= table.source < len(signature.text), "source")
        _check(table.table.shape == (len(table.codes) + 1, outputs), "table")
    return made


def _preparation(one: Preparation) -> dict[str, Any]:
    return {
        "width": one.width,
        "numeric": [
            {
                "sources": _array(block.sources.astype(np.int64)),
                "is_everything": block.is_everything,
                "target": [block.target.start, block.target.stop],
                "fill": _array(block.fill),
                "mean": _array(block.mean),
                "scale": _array(block.scale),
            }
            for block in one.numeric
        ],
        "text": [
            {
                "source": block.source,
                "target": [block.target.start, block.target.stop],
                "codes": dict(block.codes),
                "table": _array(block.table),
            }
            for block in one.text
        ],
    }


def _read_preparation(said: dict[str, Any], signature: Signature) -> Preparation:
    numeric = tuple(
        NumericBlock(
            _read_array(one["sources"]).astype(np.intp),
            bool(one["is_everything"]),
            slice(*map(int, one["target"])),
            _read_optional(one["fill"]),
            _read_optional(one["mean"]),
            _read_optional(one["scale"]),
        )
        for one in said["numeric"]
    )
    text = tuple(
        TextBlock(
            int(one["source"]),
            slice(*map(int, one["target"])),
            _codes(one["codes"]),
            _read_array(one["table"]),
        )
        for one in said["text"]
    )
    for block in numeric:
        _check(all(0 <= source < len(signature.numeric) for source in block.sources), "sources")
    for piece in text:
        _check(0 <= piece.source < len(signature.text), "source")
        _check(len(piece.table) == len(piece.codes) + 1, "table")
    return Preparation(int(said["width"]), numeric, text)


def _array(values: Array | None) -> dict[str, Any] | None:
    if values is None:
        return None
    kind = values.dtype.str[1:]
    assert kind in _KINDS, f"arrays of {values.dtype} are not written"
    little = np.ascontiguousarray(values, dtype=f"<{kind}")
    return {
        "kind": kind,
        "shape": values.shape,
        "data": base64.b64encode(little.tobytes()).decode(),
    }


def _read_array(said: dict[str, Any]) -> Array:
    kind = said["kind"]
    if kind not in _KINDS:
        raise ValueError(f"arrays of {kind} are not read")
    data = base64.b64decode(said["data"], validate=True)
    return np.frombuffer(data, dtype=f"<{kind}").reshape(said["shape"])


def _read_optional(said: dict[str, Any] | None) -> Array | None:
    return None if said is None else _read_array(said)


def _codes(said: dict[str, Any]) -> dict[str, int]:
    return {str(value): int(code) for value, code in said.items()}


def _check(is_so: bool, what: str) -> None:
    if not is_so:
        raise CannotRun(f"the plan's '{what}' does not belong to this signature")
