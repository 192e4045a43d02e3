"""Check the files and, where onnxruntime is installed, the models: ``python verify.py``.

Ends with 0 when all is well. The digests need nothing but Python; the models are asked with the rows of
``examples.json`` and must give scikit-learn's answers.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent


def main() -> int:
    """Check everything that can be checked here."""
    sys.path.insert(0, str(ROOT))
    sys.dont_write_bytecode = True
    digests = importlib.import_module("digests")
    try:
        files = digests.check_digests(ROOT)
    except digests.BundleDamaged as damage:
        print(damage)
        return 1
    print(f"{len(files)} files are as they were exported")
    try:
        import numpy
        import onnxruntime
    except ImportError as missing:
        print(f"the models were not asked: {missing}")
        return 0
    examples = json.loads((ROOT / "examples.json").read_bytes())
    is_well = True
    for name in ("model.onnx", "model.ort"):
        gap = _largest_gap(numpy, onnxruntime, name, examples)
        print(
            f"{name}: at most {gap:.3g} from scikit-learn's answers (allowed: {examples['tolerance']:g})"
        )
        is_well = is_well and gap <= examples["tolerance"]
    return 0 if is_well else 1


def _largest_gap(numpy: Any, onnxruntime: Any, name: str, examples: dict[str, Any]) -> float:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(ROOT / name), options, providers=["CPUExecutionProvider"]
    )
    inputs = {
        one: numpy.array(values, dtype="float32" if one == "numbers" else object)
        for one, values in examples["inputs"].items()
    }
    (found,) = session.run([examples["output"]], inputs)
    expected = numpy.array(examples["expected"], dtype="float64")
    gaps = numpy.abs(numpy.asarray(found, dtype="float64") - expected)
    if examples["output"] == "value":
        gaps = gaps / numpy.maximum(1.0, numpy.abs(expected))
    return float(numpy.nan_to_num(gaps, nan=numpy.inf).max(initial=0.0))


if __name__ == "__main__":
    sys.exit(main())
