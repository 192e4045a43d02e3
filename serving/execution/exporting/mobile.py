"""Making a mobile model, and trying it: converted twice, loaded again, compared with scikit-learn."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.blobs import default_store
from jobs.execution import JobContext
from models_registry.artifacts import load_pipeline
from models_registry.runtimes import CannotRun, Runtime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.proof import compare
from models_registry.signatures import Columns, Signature
from serving.errors import ExportNotPossible
from serving.execution.exporting.making import Made, named, rows_to_ask
from serving.exporting.folders import unpack, with_sums, write_archive
from serving.exporting.mobile import MobileRuntime, OrtFailed, mobile_model, ort_format
from serving.exporting.mobile_folder import TOLERANCE, PackedMobile, mobile_files
from serving.exporting.rows import made_up_rows
from serving.model_card import model_card
from serving.models import ModelExport

PARITY_ROWS = 200
_EXAMPLES = 20
NOT_TRIED = (
    "No phone was asked: both files were loaded by onnxruntime on this machine.",
    "Onnxruntime was not built with the required operators only.",
)


def make_mobile(export: ModelExport, context: JobContext) -> Made:
    """Return a mobile model of a version with its figures.

    Raises
    ------
    ExportNotPossible
        The pipeline holds what the conversion does not know, or onnxruntime's converter does not run here.
    """
    version = export.model_version
    if version.is_uploaded:
        raise ExportNotPossible(
            f"{version} was made elsewhere: its artifact is the ONNX file that was sent.",
            field="kind",
        )
    signature = Signature.from_dict(version.signature)
    pipeline = load_pipeline(default_store().read(version.artifact_digest))
    context.progress(0.1, "converting")
    try:
        onnx = mobile_model(pipeline, signature)
    except CannotRun as error:
        raise ExportNotPossible(f"{version} has no mobile form: {error}.", field="kind") from error
    context.progress(0.3, "converting for phones")
    try:
        ort = ort_format(onnx, context.scratch / "ort")
    except OrtFailed as error:
        raise ExportNotPossible(
            f"onnxruntime could not write the .ort format: {error}", field="kind"
        ) from error
    native = NativeRuntime(pipeline, signature)
    kinds = rows_to_ask(version, signature, count=PARITY_ROWS)
    parity: list[dict[str, Any]] = []
    for done, (name, data) in enumerate((("model.onnx", onnx), ("model.ort", ort.model))):
        context.progress(0.5 + 0.2 * done, "comparing", name)
        runtime = MobileRuntime(signature, data, name=name, is_ort=name.endswith(".ort"))
        parity += _parity(native, runtime, kinds)
    examples = made_up_rows(signature, _EXAMPLES, np.random.default_rng(0))
    files = with_sums(
        mobile_files(
            PackedMobile(
                title=str(version),
                signature=signature,
                onnx=onnx,
                ort=ort,
                onnxruntime_version=importlib.metadata.version("onnxruntime"),
                card=model_card(version),
                examples=examples,
                answers=native.predict(examples),
                parity=tuple(parity),
            )
        )
    )
    context.progress(0.9, "checking the files")
    archive = context.scratch / "mobile.zip"
    folder = f"{named(version).release}-mobile"
    write_archive(files, folder=folder, target=archive)
    unpack(archive, context.scratch / "unpacked")
    verified = _verified(context.scratch / "unpacked" / folder)
    return Made(archive, _smoke_test(parity, verified, len(onnx), len(ort.model)))


def _parity(
    native: Runtime, runtime: MobileRuntime, kinds: Mapping[str, Columns]
) -> list[dict[str, Any]]:
    lines = []
    for kind, rows in kinds.items():
        found = compare(native.predict(rows), runtime.predict(rows))
        is_same = found.label_mismatches == 0 and found.largest_difference <= TOLERANCE
        lines.append(
            {
                "file": runtime.name,
                "kind": kind,
                "rows": found.rows,
                "largest_difference": min(found.largest_difference, 1e300),
                "label_mismatches": found.label_mismatches,
                "passed": is_same,
            }
        )
    return lines


def _verified(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-I", "-B", "verify.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120.0,
        check=False,
    )
    said = (done.stdout.strip() or done.stderr.strip())[-500:]
    problems = [] if done.returncode == 0 else [said]
    return {"name": "verify.py", "what": said, "problems": problems, "passed": not problems}


def _smoke_test(
    parity: list[dict[str, Any]], verified: dict[str, Any], onnx_bytes: int, ort_bytes: int
) -> dict[str, Any]:
    problems = [
        f"{one['file']} differs from scikit-learn on {one['kind']} rows: by up to {one['largest_difference']:.2g}, "
        f"{one['label_mismatches']} other labels"
        for one in parity
        if not one["passed"]
    ]
    problems += [f"verify.py: {text}" for text in verified["problems"]]
    return {
        "passed": not problems,
        "problems": problems,
        "parity": parity,
        "tolerance": TOLERANCE,
        "sizes_bytes": {"model.onnx": onnx_bytes, "model.ort": ort_bytes},
        "checks": [verified],
        "not_tried": list(NOT_TRIED),
    }
