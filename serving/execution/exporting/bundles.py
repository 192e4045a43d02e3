"""Making a bundle, and trying it: unpacked, checked, started, asked in every dialect, compared with the site."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from core.blobs import default_store
from jobs.execution import JobContext
from models_registry.decisions import usual_threshold
from models_registry.loading import load_version
from models_registry.models import ModelVersion
from models_registry.signatures import Signature
from serving.execution.exporting.comparing import RefusalLine, compare_dialects
from serving.execution.exporting.making import ROWS_OF_A_KIND, Made, named, rows_to_ask
from serving.execution.exporting.server import Interpreter, interpreter, running
from serving.exporting.bundle import Packed, bundle_files, bundle_requirements
from serving.exporting.checking import check_manifests
from serving.exporting.folders import unpack, with_sums, write_archive
from serving.exporting.requirements import Requirements
from serving.model_card import model_card
from serving.models import ModelExport
from serving.standalone import StandaloneModel

#: What a job cannot try, because no engine for it is here.
NOT_TRIED = (
    "No image was built: the Dockerfile was read, not run.",
    "Nothing was applied to a cluster: manifests were parsed and their fields checked.",
)


def make_bundle(export: ModelExport, context: JobContext) -> Made:
    """Return a bundle of a version with what its smoke test found."""
    version = export.model_version
    signature = Signature.from_dict(version.signature)
    packed = _packed(export, signature)
    requirements = bundle_requirements(packed)
    files = with_sums(bundle_files(packed, requirements))
    context.progress(0.1, "packing")
    archive = context.scratch / "bundle.zip"
    write_archive(files, folder=packed.named.release, target=archive)
    unpack(archive, context.scratch / "unpacked")
    folder = context.scratch / "unpacked" / packed.named.release
    context.progress(0.2, "checking the files")
    site = _as_the_site(version, packed)
    checks = [_verified(folder), *_manifests(files)]
    python = interpreter(packed.framework)
    log = context.scratch / "server.log"
    context.progress(0.3, "starting the server")
    try:
        with running(folder, python, context=context, log=log) as server:
            context.progress(0.6, "asking the server")
            kinds = rows_to_ask(version, signature, count=ROWS_OF_A_KIND)
            dialects, refused = compare_dialects(server.address, site, kinds, context)
    finally:
        if log.exists():
            context.log("the server of the bundle said: " + log.read_text(errors="replace")[-2000:])
    return Made(
        archive,
        _smoke_test(packed, requirements, python, server.seconds, checks, dialects, refused),
    )


def _packed(export: ModelExport, signature: Signature) -> Packed:
    version, store = export.model_version, default_store()
    return Packed(
        named=named(version),
        framework=export.server,
        described={"id": version.pk, "model": version.model.name, "number": version.number},
        task=version.task,
        signature=signature,
        runtime=version.runtime,
        artifact=store.read(version.artifact_digest),
        binding=version.upload["binding"] if version.is_uploaded else None,
        onnx=store.read(version.onnx_digest) if version.onnx_digest else None,
        card=model_card(version),
        most_bytes=settings.PREDICT_MAX_BODY_BYTES,
        most_rows=settings.PREDICT_MAX_ROWS,
        threshold=usual_threshold(signature, version.decision),
    )


def _as_the_site(version: ModelVersion, packed: Packed) -> StandaloneModel:
    """Return the version as the site answers with it: its stored files, its runtime, its codecs."""
    return StandaloneModel(
        name=packed.named.name,
        version_number=version.number,
        described=packed.described,
        signature=packed.signature,
        runtime=load_version(version),
        runtime_name=version.runtime,
        most_bytes=packed.most_bytes,
        most_rows=packed.most_rows,
        threshold=packed.threshold,
    )


def _verified(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [interpreter("").path, "-I", "-B", "verify.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    said = (done.stdout.strip() or done.stderr.strip())[-300:]
    return _check("verify.py", said, [] if done.returncode == 0 else [said])


def _manifests(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [_check(one.path, one.what, list(one.problems)) for one in check_manifests(files)]


def _check(name: str, what: str, problems: list[str]) -> dict[str, Any]:
    return {"name": name, "what": what, "problems": problems, "passed": not problems}


def _smoke_test(
    packed: Packed,
    requirements: Requirements,
    python: Interpreter,
    seconds: float,
    checks: list[dict[str, Any]],
    dialects: list[dict[str, Any]],
    refused: RefusalLine,
) -> dict[str, Any]:
    notes = list(NOT_TRIED)
    if not python.has_framework:
        notes.insert(
            0,
            f"{packed.framework} is not installed here: the same application was asked as plain WSGI, without it.",
        )
    if not requirements.is_framework_installed:
        notes.append(
            f"requirements.txt names {packed.framework} in the version that exports are tested with."
        )
    problems = [
        *(f"{one['name']}: {text}" for one in checks for text in one["problems"]),
        *(
            f"{one['dialect']}, {one['kind']} rows: {one['mismatches']} other values, numbers apart by "
            f"{one['largest_difference']:g}"
            for one in dialects
            if not one["passed"]
        ),
        *([] if any(one["status"] == 200 for one in dialects) else ["no rows were answered"]),
        *([] if refused["passed"] else ["a request that does not fit is refused otherwise"]),
    ]
    return {
        "passed": not problems,
        "problems": problems,
        "server": {
            "framework": packed.framework,
            "framework_version": python.framework_version,
            "with_framework": python.has_framework,
            "python": python.version,
            "seconds_to_ready": round(seconds, 2),
        },
        "dialects": dialects,
        "refusal": refused,
        "checks": checks,
        "not_tried": notes,
    }
