"""Writing a dataset's table anew without a subject's rows, all its versions with it.

A pinned Delta version cannot be changed, and its log tells of values that its files no longer hold. So the
table is written a second time beside the first one, version by version; those that shared files go on
sharing them. One transaction then pins all versions to the new table and records what became of
their digests; afterwards the old table is removed. Whatever happens before that transaction leaves
nothing but a table that no version names, and the next attempt begins by removing it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from uuid import UUID

import pyarrow as pa
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.principals import system_principal
from datasets import lake
from datasets.erasure import Subject, Tell
from datasets.errors import ErasureMustWait, LakeCorrupt
from datasets.execution.erasure.documents import release_blocks, take_from_results
from datasets.execution.erasure.remeasuring import Measured, digest_of, measure
from datasets.models import (
    CheckResult,
    Dataset,
    DatasetVersion,
    ErasureRequest,
    VersionComparison,
    VersionErasure,
    VersionProfile,
    VersionStatus,
)
from datasets.profile import ProfileNote
from datasets.schema import Schema
from datasets.selectors.erasure import versions_with_rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Rewritten:
    """A version in the new table; no Delta version: none of its rows is left."""

    version: DatasetVersion
    delta_version: int | None
    rows_before: int
    rows_removed: int
    measured: Measured | None

    @property
    def rows_after(self) -> int:
        return self.rows_before - self.rows_removed


def rewrite_dataset(dataset: Dataset, subject: Subject, tell: Tell) -> None:
    """Write the table of a dataset anew and pin its versions to it.

    Raises
    ------
    LakeCorrupt
        Rows that are not the subject's do not have the digest that was recorded; nothing is changed.
    ErasureMustWait
        A version was added meanwhile; nothing is changed.
    """
    old = lake.dataset_path(dataset)
    new = lake.generation_path(dataset.pk, dataset.lake_generation + 1)
    lake.remove_table(new)
    done: dict[int, _Rewritten] = {}
    for version in versions_with_rows(dataset):
        tell(f"writing {version} anew")
        done[version.pk] = _rewrite_version(version, done, old, new, subject, tell)
    _pin(dataset, list(done.values()), subject.erasure)
    remove_former_tables(dataset.pk)


def remove_former_tables(dataset_id: int) -> None:
    """Remove all tables of a dataset but the present one."""
    present = Dataset.objects.get(pk=dataset_id).lake_generation
    for generation in range(present + 2):
        if generation != present:
            lake.remove_table(lake.generation_path(dataset_id, generation))


def _rewrite_version(
    version: DatasetVersion,
    done: dict[int, _Rewritten],
    old: str,
    new: str,
    subject: Subject,
    tell: Tell,
) -> _Rewritten:
    assert version.delta_version is not None
    schema = Schema.from_dict(version.schema)
    before = lake.pinned_row_count(old, version.delta_version)
    keys = subject.columns_in(schema.names)
    removed = 0
    if keys:
        found = lake.read_pinned(old, version.delta_version, schema.select(keys))
        removed = subject.count(found)
    base = _base(version, done, old)
    skipped = 0 if base is None else base.rows_before
    own_rows = before - removed - (0 if base is None else base.rows_after)
    if before == removed:
        return _Rewritten(version, None, before, removed, None)
    if base is not None and own_rows == 0:
        delta_version = base.delta_version
    else:
        rows = _kept(old, version, schema, subject, skipped)
        written = lake.write_version_rows(
            new,
            schema,
            lambda: rows,  # asked for once: nobody else writes to the new table
            transaction_id=f"erasure:{subject.erasure}:{version.pk}",
            append_to=None if base is None else base.delta_version,
            on_wait=lambda: tell(f"writing {version} anew"),
        )
        delta_version = written.delta_version
    assert delta_version is not None
    if removed == 0:
        if version.sha256 and digest_of(new, delta_version, schema) != version.sha256:
            raise LakeCorrupt(f"The rows of {version} are not those that were recorded.")
        return _Rewritten(version, delta_version, before, 0, None)
    measured = measure(
        new,
        delta_version,
        schema,
        notes=_notes(version, subject),
        tell=lambda: tell(f"profiling {version}"),
    )
    return _Rewritten(version, delta_version, before, removed, measured)


def _base(version: DatasetVersion, done: dict[int, _Rewritten], old: str) -> _Rewritten | None:
    """Return the version that this one was appended to, if it is in the new table."""
    base = done.get(version.parent_id or 0)
    if base is None or base.delta_version is None:
        return None
    assert base.version.delta_version is not None
    assert version.delta_version is not None
    if Schema.from_dict(base.version.schema).names != Schema.from_dict(version.schema).names:
        return None
    below = lake.pinned_files(old, base.version.delta_version)
    return base if below <= lake.pinned_files(old, version.delta_version) else None


def _kept(
    old: str, version: DatasetVersion, schema: Schema, subject: Subject, skipped: int
) -> Iterator[pa.RecordBatch]:
    """Return the rows of a version that stay, from a row of the old table on.

    The table is opened here, in the caller's thread: the engine that will pull the rows cannot be
    asked for anything from its own threads.
    """
    assert version.delta_version is not None
    batches = lake.iter_pinned(old, version.delta_version, schema)
    first = next(batches)
    return _without(subject, chain([first], batches), skipped)


def _without(
    subject: Subject, batches: Iterable[pa.RecordBatch], skipped: int
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if skipped >= batch.num_rows:
            skipped -= batch.num_rows
            continue
        rest, skipped = batch.slice(skipped), 0
        kept = subject.without(pa.Table.from_batches([rest]))
        yield from kept.combine_chunks().to_batches()


def _notes(version: DatasetVersion, subject: Subject) -> list[ProfileNote]:
    """Return what was said about the source, but for what follows from rows or names the subject."""
    derived = {"all_null", "constant", "almost_numeric"}
    return [
        ProfileNote(str(one["column"]), str(one["code"]), str(one["message"]))
        for one in version.profile.get("notes", ())
        if one.get("code") not in derived and subject.value not in str(one.get("message"))
    ]


def _pin(dataset: Dataset, rewritten: list[_Rewritten], erasure: UUID) -> None:
    with transaction.atomic():
        locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
        present = set(versions_with_rows(locked).values_list("pk", flat=True))
        if locked.lake_generation != dataset.lake_generation or present != {
            one.version.pk for one in rewritten
        }:
            raise ErasureMustWait(f"{dataset} got another version meanwhile.")
        request = ErasureRequest.objects.get(reference=erasure)
        for one in rewritten:
            _pin_version(one, request)
        release_blocks(locked)
        locked.lake_generation += 1
        locked.save(update_fields=["lake_generation"])


def _pin_version(one: _Rewritten, request: ErasureRequest) -> None:
    version = DatasetVersion.objects.select_for_update().get(pk=one.version.pk)
    sha256_before = version.sha256
    version.delta_version = one.delta_version
    if one.rows_removed == 0:
        version.save(update_fields=["delta_version"])
        return
    version.erasure_affected = True
    version.row_count = one.rows_after
    measured = one.measured
    version.size_bytes = measured.size_bytes if measured else 0
    version.sha256 = measured.sha256 if measured else ""
    version.profile = measured.profile if measured else {}
    if measured is None and version.status == VersionStatus.READY:
        version.status = VersionStatus.ARCHIVED  # nothing is left that could be trained on
    version.save()
    # Both speak of rows by their numbers or values; they can be asked for again.
    take_from_results(CheckResult.objects.filter(version=version))
    VersionProfile.objects.filter(version=version).delete()
    VersionComparison.objects.filter(Q(base=version) | Q(other=version)).delete()
    VersionErasure.objects.create(
        version=version,
        request=request,
        rows_removed=one.rows_removed,
        row_count_before=one.rows_before,
        row_count_after=one.rows_after,
        sha256_before=sha256_before,
        sha256_after=version.sha256,
    )
    audit.record(
        principal=system_principal(version.dataset.project),
        action="dataset_version.rows_erased",
        target=version,
        summary=f"{version}: {one.rows_removed} of {one.rows_before} rows",
        changes={"sha256": [sha256_before, version.sha256], "erasure": request.pk},
    )
