"""The job that measures a version as a whole."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from core.clock import now
from datasets import lake
from datasets.models import DatasetVersion, VersionProfile
from datasets.profile.deep import deep_profile
from datasets.schema import Schema
from jobs.execution import Conclude, JobContext


def profile_version(context: JobContext) -> Conclude:
    """Read the rows of a version once and measure them; the conclusion keeps the newest request only."""
    version = DatasetVersion.objects.select_related("dataset").get(
        pk=context.arguments["dataset_version"]
    )
    target = str(context.arguments["target"]) or None
    began = time.monotonic()
    measured = deep_profile(
        lake.iter_batches(version),
        Schema.from_dict(version.schema),
        row_count=version.row_count or 0,
        target=target,
        profiles={column["name"]: column for column in version.profile.get("columns", ())},
        progress=lambda part, stage: context.progress(0.99 * part, stage),
    )
    seconds = time.monotonic() - began
    document = measured.to_dict()

    def conclude() -> Mapping[str, Any]:
        kept = VersionProfile.objects.filter(version=version, job_id=context.job_id).update(
            document=document, target=target or "", seconds=seconds, computed_at=now()
        )
        suspects = (document["leakage"] or {}).get("suspects", ())
        return {
            "dataset_version": version.pk,
            "is_kept": bool(kept),
            "suspects": len(suspects),
        }

    return conclude
