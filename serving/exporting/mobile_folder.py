"""The files around a mobile model: what goes in and comes out, examples with their answers, a program that compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from models_registry.runtimes import Scores
from models_registry.signatures import Columns, Signature
from serving.exporting.mobile import (
    CLASS_INDEX,
    NUMBERS,
    PROBABILITIES,
    VALUE,
    OrtModel,
    text_input,
)
from serving.exporting.sources import ROOT

#: Probabilities, or values relative to max(1, |value|), of float32 against scikit-learn in float64: a sum
#: over many columns may lose two of the seven digits.
TOLERANCE = 1e-4
_SCRIPTS = Path(__file__).with_name("scripts")


@dataclass(frozen=True, slots=True)
class PackedMobile:
    """What goes into the folder.

    Attributes
    ----------
    examples, answers
        Rows that were made up from the signature, and scikit-learn's answers to them.
    parity
        Lines of the parity table: kind of rows, rows, largest difference, other labels, by file.
    """

    title: str
    signature: Signature
    onnx: bytes
    ort: OrtModel
    onnxruntime_version: str
    card: str
    examples: Columns
    answers: Scores
    parity: tuple[Mapping[str, Any], ...]


def mobile_files(packed: PackedMobile) -> dict[str, bytes]:
    """Return the files by their paths (without their digests)."""
    return {
        "README.md": _readme(packed).encode(),
        "MODEL_CARD.md": packed.card.encode(),
        "model.onnx": packed.onnx,
        "model.ort": packed.ort.model,
        "required_operators.config": packed.ort.operators,
        "io.json": _json(_inputs_and_outputs(packed.signature)),
        "parity.json": _json({"tolerance": TOLERANCE, "lines": list(packed.parity)}),
        "examples.json": _json(_examples(packed)),
        "verify.py": (_SCRIPTS / "verify_mobile.py").read_bytes(),
        "digests.py": (ROOT / "serving/standalone/digests.py").read_bytes(),
    }


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n"


def _inputs_and_outputs(signature: Signature) -> dict[str, Any]:
    inputs: list[dict[str, Any]] = []
    if signature.numeric:
        columns = [
            {"name": one.name, "type": one.type, "nullable": one.nullable}
            for one in signature.numeric
        ]
        inputs.append({"name": NUMBERS, "dtype": "float32", "columns": columns})
    inputs += [
        {
            "name": text_input(index),
            "dtype": "string",
            "column": one.name,
            "nullable": one.nullable,
            "categories": None if one.categories is None else list(one.categories),
        }
        for index, one in enumerate(signature.text)
    ]
    outputs: list[dict[str, Any]] = [{"name": VALUE, "dtype": "float32"}]
    if signature.classes is not None:
        outputs = [
            {"name": PROBABILITIES, "dtype": "float32", "classes": list(signature.classes)},
            {"name": CLASS_INDEX, "dtype": "int64"},
        ]
    return {"inputs": inputs, "outputs": outputs}


def _examples(packed: PackedMobile) -> dict[str, Any]:
    """Return the rows as the tensors hold them (null for NaN), and what must come out."""
    rows = packed.examples
    inputs: dict[str, Any] = {
        text_input(index): column.tolist() for index, column in enumerate(rows.text)
    }
    if packed.signature.numeric:
        inputs[NUMBERS] = [
            [None if value != value else value for value in row] for row in rows.numeric.tolist()
        ]
    is_classifier = packed.signature.classes is not None
    return {
        "inputs": inputs,
        "output": PROBABILITIES if is_classifier else VALUE,
        "expected": packed.answers.scores if is_classifier else packed.answers.labels,
        "tolerance": TOLERANCE,
    }


def _readme(packed: PackedMobile) -> str:
    signature = packed.signature
    lines = [
        f"| {one['file']} | {one['kind']} | {one['rows']} | {one['largest_difference']:.2g} | {one['label_mismatches']} |"
        for one in packed.parity
    ]
    numbers = ", ".join(f"`{one.name}`" for one in signature.numeric)
    texts = "".join(
        f"- `{text_input(index)}`: strings, [n]: `{one.name}`; the empty string stands for null\n"
        for index, one in enumerate(signature.text)
    )
    first = (
        f"- `{NUMBERS}`: float32, [n, {len(signature.numeric)}], in this order: {numbers}; NaN stands for null, truth values are 0 and 1\n"
        if signature.numeric
        else ""
    )
    outputs = (
        f"- `{VALUE}`: float32, [n]"
        if signature.classes is None
        else f"""- `{PROBABILITIES}`: float32, [n, {len(signature.classes)}], in the order of {", ".join(f"`{one}`" for one in signature.classes)}
- `{CLASS_INDEX}`: int64, [n]: the place of the most probable class in that order"""
    )
    newline = "\n"
    return f"""\
# {packed.title}, for phones

The whole pipeline (imputing, scaling, encoding, model) as one graph that computes in float32. What the model is and how good it is:
`MODEL_CARD.md`.

| file | for |
|---|---|
| `model.onnx` | onnxruntime on any platform; opset 18, ai.onnx.ml 3 |
| `model.ort` | onnxruntime-mobile (Android, iOS): made by the converter of onnxruntime {packed.onnxruntime_version}, for ARM |
| `required_operators.config` | what a reduced build of onnxruntime must contain (`--include_ops_by_config`) |
| `io.json` | the tensors, with names, order, classes |
| `examples.json` | rows that were made up, with scikit-learn's answers |

Inputs:

{first}{texts}
Outputs:

{outputs}

## Parity with scikit-learn

Probabilities: absolute difference; values: relative to max(1, |value|). At most {TOLERANCE:g} and no other label was asked for.

| file | rows | number | largest difference | other labels |
|---|---|---|---|---|
{newline.join(lines)}

    python verify.py        # digests; with numpy and onnxruntime installed also both models against examples.json
"""
