"""Choosing the fastest runtime that is proved equal, and loading the one that was chosen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from models_registry.runtimes.base import CannotRun, Runtime, Scores
from models_registry.runtimes.linear import AffineMap, LinearRuntime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.onnx import OnnxRuntime, convert
from models_registry.runtimes.preparation import Preparation
from models_registry.runtimes.proof import Agreement, agreements, proof_rows
from models_registry.runtimes.recipes import Parts
from models_registry.runtimes.trees import TreeRuntime
from models_registry.signatures import Columns, Signature

#: Between the names of a runtime and of the one that answers rows with missing numbers.
_EXCEPT_MISSING = "+"
_SPOKEN = {"native": "scikit-learn", "trees": "the loop over trees"}


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """Which runtime was chosen, and the proof.

    Attributes
    ----------
    report
        JSON-compatible: for each candidate whether it could be built, its agreement on each kind of rows,
        and its microseconds for one row.
    """

    name: str
    onnx: bytes | None
    report: dict[str, Any]
    runtime: Runtime


class ExceptMissing:
    """A fast runtime, with another (scikit-learn at last) for the rows in which a number is missing."""

    def __init__(self, fast: Runtime, other: Runtime) -> None:
        self._fast = fast
        self._other = other
        self.name = fast.name + _EXCEPT_MISSING + other.name

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows, in order."""
        missing = columns.has_missing()
        if not missing.any():
            return self._fast.predict(columns)
        if missing.all():
            return self._other.predict(columns)
        return _merge(
            missing,
            self._other.predict(columns.take(np.flatnonzero(missing))),
            self._fast.predict(columns.take(np.flatnonzero(~missing))),
        )


def _merge(chosen: npt.NDArray[np.bool_], inside: Scores, outside: Scores) -> Scores:
    left, right = iter(inside.labels), iter(outside.labels)
    labels = [next(left) if flag else next(right) for flag in chosen]
    if inside.probabilities is None or outside.probabilities is None:
        return Scores(labels, None)
    probabilities = np.empty((len(chosen), inside.probabilities.shape[1]))
    probabilities[chosen] = inside.probabilities
    probabilities[~chosen] = outside.probabilities
    return Scores(labels, probabilities)


def choose_runtime(
    pipeline: Pipeline, signature: Signature, real: Columns, rng: np.random.Generator
) -> RuntimeChoice:
    """Return the fastest runtime whose answers equal scikit-learn's on all kinds of rows.

    Parameters
    ----------
    real
        Rows that training did not fit on, if possible; up to 200 of them are used.
    """
    native = NativeRuntime(pipeline, signature)
    kinds = proof_rows(signature, real, rng)
    one_row = real.take(slice(0, 1))
    report: dict[str, Any] = {
        "native": {"microseconds_per_row": microseconds_of(native, one_row)},
        "kinds": {kind: rows.row_count for kind, rows in kinds.items()},
    }
    chosen: Runtime = native
    chosen_onnx: bytes | None = None
    reason = "no faster runtime knows this pipeline"
    parts = Parts.of(pipeline, signature)
    for name, build in _candidates(parts):
        try:
            fast, onnx = build()
        except CannotRun as error:
            report[name] = {"built": False, "reason": str(error)[:300]}
            continue
        candidate = parts.behind(fast)
        found = agreements(native, candidate, kinds)
        report[name] = {
            "built": True,
            "agreement": shown_agreements(found),
            "microseconds_per_row": microseconds_of(candidate, one_row),
        }
        disagreeing = [kind for kind, one in found.items() if not one.is_equal]
        if disagreeing:
            reason = f"{name} disagrees on {', '.join(disagreeing)} rows"
            other = _for_missing(fast, parts)
            candidate = parts.behind(ExceptMissing(fast, other))
            found = agreements(native, candidate, kinds)
            report[name]["agreement_except_missing"] = shown_agreements(found)
            if not all(one.is_equal for one in found.values()):
                continue
            reason = f"{name} agrees; rows with missing numbers go to {_SPOKEN[other.name]}"
        else:
            reason = f"{name} agrees"
        chosen, chosen_onnx = candidate, onnx
        break
    report["chosen"] = chosen.name
    report["reason"] = reason
    return RuntimeChoice(chosen.name, chosen_onnx, report, chosen)


def load_runtime(
    *,
    name: str,
    pipeline: Pipeline,
    onnx: bytes | None,
    signature: Signature,
    threads_for_many: int = 1,
) -> Runtime:
    """Return the runtime that was chosen for a version.

    Parameters
    ----------
    threads_for_many
        See :class:`~models_registry.runtimes.onnx.OnnxRuntime`.

    Raises
    ------
    CannotRun
        The name is not known, or the runtime cannot be built from these files.
    """
    if name == NativeRuntime.name:
        return NativeRuntime(pipeline, signature)
    parts = Parts.of(pipeline, signature)
    first, plus, second = name.partition(_EXCEPT_MISSING)
    fast = _named(first, parts, onnx, threads_for_many)
    return parts.behind(ExceptMissing(fast, _named(second, parts, onnx)) if plus else fast)


def _named(name: str, parts: Parts, onnx: bytes | None, threads_for_many: int = 1) -> Runtime:
    if name == "native":
        return NativeRuntime(parts.pipeline, parts.signature)
    if name == "linear":
        return LinearRuntime(AffineMap.of(parts.pipeline, parts.signature), parts.signature)
    if name == "trees":
        return TreeRuntime(parts.pipeline, parts.signature)
    if name == "onnx" and onnx is not None:
        preparation = Preparation.of(parts.pipeline[0], parts.signature)
        return OnnxRuntime(preparation, parts.signature, onnx, threads_for_many=threads_for_many)
    raise CannotRun(f"there is no runtime '{name}' for these files")


def _for_missing(fast: Runtime, parts: Parts) -> Runtime:
    """Return who answers the rows that a runtime gets wrong: the exact loop where there is one."""
    native = NativeRuntime(parts.pipeline, parts.signature)
    if fast.name == TreeRuntime.name:
        return native
    try:
        return TreeRuntime(parts.pipeline, parts.signature)
    except CannotRun:
        return native


def _candidates(
    parts: Parts,
) -> Iterator[tuple[str, Callable[[], tuple[Runtime, bytes | None]]]]:
    pipeline, signature = parts.pipeline, parts.signature
    yield "linear", lambda: (LinearRuntime(AffineMap.of(pipeline, signature), signature), None)

    def onnx() -> tuple[Runtime, bytes | None]:
        preparation = Preparation.of(pipeline[0], signature)
        model = convert(pipeline, preparation.width)
        return OnnxRuntime(preparation, signature, model), model

    yield "onnx", onnx
    yield "trees", lambda: (TreeRuntime(pipeline, signature), None)


def shown_agreements(agreements: Mapping[str, Agreement]) -> dict[str, Any]:
    """Return agreements by kind of rows as JSON-compatible values."""
    return {
        kind: {
            "rows": one.rows,
            "largest_difference": min(one.largest_difference, 1e300),
            "label_mismatches": one.label_mismatches,
            "equal": one.is_equal,
        }
        for kind, one in agreements.items()
    }


def microseconds_of(runtime: Runtime, row: Columns, seconds: float = 0.1) -> float | None:
    """Return the median time for one row; None without a row."""
    if row.row_count == 0:
        return None
    runtime.predict(row)
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and len(times) < 500:
        start = time.perf_counter()
        runtime.predict(row)
        times.append(time.perf_counter() - start)
    return round(1e6 * float(np.median(times)), 1)
