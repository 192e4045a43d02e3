"""Model versions in an erasure: reference samples lose the subject's rows, and the version is marked."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from uuid import UUID

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from django.db import transaction

from accounts import audit
from accounts.principals import system_principal
from core.blobs import default_store
from core.clock import now
from core.errors import DomainError
from datasets import lake
from datasets.erasure import Advice, Finding, Subject, Tell
from datasets.execution.erasure.store import affected_versions
from datasets.models import DatasetVersion
from datasets.schema import Schema
from models_registry.models import ModelVersion


def find(subject: Subject, tell: Tell) -> Sequence[Finding]:
    """Return the model versions that learnt from rows of the subject, and their samples of such rows."""
    tell("looking through model versions")
    affected = affected_versions(subject, tell)
    found: list[Finding] = []
    for version in _trained_on(affected):
        rows = affected[version.dataset_version_id or 0]
        keys = subject.columns_in([str(one["name"]) for one in version.signature.get("inputs", ())])
        learnt = (
            f" The key ({', '.join(keys)}) is one of its inputs: its files may spell the value out."
            if keys
            else ""
        )
        found.append(
            Finding(
                kind="model_version",
                label=f"{version.model.project}/{version}",
                advice=Advice.MARKED,
                rows=rows,
                target=("models_registry.modelversion", str(version.pk)),
                detail="It was measured on them, and may have learnt from them where it was made."
                if version.is_uploaded
                else f"Train it again and retire this one: a model cannot unlearn.{learnt}",
            )
        )
        sample = _sample_without(version, subject)
        if sample is not None and sample[1]:
            found.append(
                Finding(
                    kind="reference_sample",
                    label=f"reference sample of {version.model.project}/{version}",
                    advice=Advice.REBUILT,
                    rows=sample[1],
                    total=sample[0].num_rows + sample[1],
                    target=("models_registry.modelversion", str(version.pk)),
                )
            )
    return found


def erase(subject: Subject, tell: Tell) -> None:
    """Take the rows out of the samples and mark the versions; the datasets still hold the rows."""
    affected = affected_versions(subject, tell)
    for version in _trained_on(affected):
        tell(f"marking {version}")
        sample = _sample_without(version, subject)
        former = version.reference_digest
        digest = former
        if sample is not None and sample[1]:
            buffer = io.BytesIO()
            pq.write_table(sample[0], buffer, compression="zstd")
            digest = default_store().put_bytes(buffer.getvalue()).digest
        _mark(version, affected[version.dataset_version_id or 0], digest, subject.erasure)
        if digest != former and not ModelVersion.objects.filter(reference_digest=former).exists():
            default_store().remove(former)


def _trained_on(affected: dict[int, int]) -> list[ModelVersion]:
    return list(
        ModelVersion.objects.filter(dataset_version__in=affected)
        .select_related("model__project", "dataset_version__dataset")
        .order_by("pk")
    )


@transaction.atomic
def _mark(version: ModelVersion, rows: int, digest: str, erasure: UUID) -> None:
    """Mark a version once for each erasure; a second attempt finds the mark."""
    locked = ModelVersion.objects.select_for_update(of=("self",)).get(pk=version.pk)
    locked.reference_digest = digest
    if str(erasure) not in locked.erasure_marks:
        locked.erasure_marks = {**locked.erasure_marks, str(erasure): rows}
        locked.erasure_affected_at = now()
        audit.record(
            principal=system_principal(version.model.project),
            action="model_version.rows_erased",
            target=version,
            summary=f"{version}: {rows} of the rows that it was trained on are erased",
        )
    locked.save(update_fields=["reference_digest", "erasure_marks", "erasure_affected_at"])


def _sample_without(version: ModelVersion, subject: Subject) -> tuple[pa.Table, int] | None:
    """Return a version's reference sample without the subject's rows, and how many those are.

    A sample keeps the inputs of the model, and mostly not the key. So rows are taken out that equal
    one of the subject's rows in all columns that both have; equal rows of somebody else go with them.
    """
    data = version.dataset_version
    if not version.reference_digest or data is None:
        return None
    try:
        stored = default_store().read(version.reference_digest)
    except DomainError:
        return None
    sample = pq.read_table(io.BytesIO(stored))
    theirs = _rows_of(data, subject, sample.schema.names)
    if theirs.empty:
        return sample, 0
    names = list(theirs.columns)
    frame = sample.select(names).to_pandas()
    moments = {name for name in names if pd.api.types.is_datetime64_any_dtype(theirs[name].dtype)}
    known = set(_keys(theirs, like=frame, moments=moments))
    keep = [key not in known for key in _keys(frame, like=frame, moments=moments)]
    kept = sample.filter(pa.array(keep, pa.bool_()))
    return kept, sample.num_rows - kept.num_rows


def _rows_of(data: DatasetVersion, subject: Subject, wanted: Sequence[str]) -> pd.DataFrame:
    schema = Schema.from_dict(data.schema)
    keys = subject.columns_in(schema.names)
    shared = [name for name in wanted if name in schema]
    if not keys or not shared:
        return pd.DataFrame()
    table = lake.read_table(data, list(dict.fromkeys([*keys, *shared])))
    rows: pd.DataFrame = table.filter(subject.mask(table)).select(shared).to_pandas()
    return rows


def _keys(
    frame: pd.DataFrame, *, like: pd.DataFrame, moments: Collection[str]
) -> list[tuple[str, ...]]:
    """Return each row as texts, in the types of the sample.

    Training may have made floats of integers, and has made texts of the moments that a recipe reads.
    """
    columns = []
    for name in like.columns:
        values, kind = frame[name], like[name].dtype
        if name in moments:
            read = pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")
            columns.append(["" if pd.isna(one) else one.isoformat() for one in read])
        elif pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
            numbers = pd.to_numeric(values, errors="coerce").astype("float64")
            columns.append(["" if number != number else repr(number) for number in numbers])
        else:
            columns.append(["" if pd.isna(value) else str(value) for value in values])
    return list(zip(*columns, strict=True))
