"""Datasets as a place in which a subject may be: pinned rows, leavings of writers, kept uploads, messages of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.db.models import Q

from datasets import lake, uploads
from datasets.erasure import Advice, Finding, Subject, Tell
from datasets.execution.erasure.documents import erase_from_documents, in_documents, in_recipes
from datasets.execution.erasure.mentions import erase_from_trail, in_trail
from datasets.execution.erasure.rewriting import remove_former_tables, rewrite_dataset
from datasets.models import Dataset, DatasetVersion, VersionStatus
from datasets.schema import Schema
from datasets.selectors.erasure import datasets_of_subjects, versions_with_rows
from jobs.models import Job, JobLogLine


def find(subject: Subject, tell: Tell) -> Sequence[Finding]:
    """Return the versions with rows of the subject, and files that may hold some."""
    found: list[Finding] = []
    for dataset in datasets_of_subjects(subject.project_id):
        tell(f"looking through {dataset}")
        versions = _in_versions(dataset, subject, tell)
        affected = {int(one.target[1]) for one in versions if one.target is not None}
        found.extend(versions)
        found.extend(_in_stray_files(dataset, subject))
        found.extend(in_documents(dataset, subject, affected))
        found.extend(_in_uploads(dataset, subject))
    found.extend(in_recipes(subject))
    found.extend(_in_job_texts(subject))
    found.extend(in_trail(subject))
    return found


def erase(subject: Subject, tell: Tell) -> None:
    """Write the tables anew that hold the subject, and remove uploads and mentions."""
    for dataset in datasets_of_subjects(subject.project_id):
        tell(f"looking through {dataset}")
        remove_former_tables(dataset.pk)
        if any(_in_versions(dataset, subject, tell)) or any(_in_stray_files(dataset, subject)):
            rewrite_dataset(dataset, subject, tell)
        erase_from_documents(dataset, subject)
        if any(_in_uploads(dataset, subject)):
            uploads.discard(str(one.source.get("upload", "")) for one in _with_uploads(dataset))
    _erase_mentions(subject)
    erase_from_trail(subject)


def affected_versions(subject: Subject, tell: Tell) -> dict[int, int]:
    """Return how many rows of the subject each dataset version has, for those that have any."""
    return {
        int(finding.target[1]): finding.rows or 0
        for dataset in datasets_of_subjects(subject.project_id)
        for finding in _in_versions(dataset, subject, tell)
        if finding.target is not None
    }


def _in_versions(dataset: Dataset, subject: Subject, tell: Tell) -> list[Finding]:
    path = lake.dataset_path(dataset)
    found: list[Finding] = []
    counted: dict[tuple[int, tuple[str, ...]], int] = {}
    for version in versions_with_rows(dataset):
        schema = Schema.from_dict(version.schema)
        keys = subject.columns_in(schema.names)
        if not keys or version.delta_version is None:
            continue
        tell(f"looking through {version}")
        known = (version.delta_version, tuple(keys))
        if known not in counted:
            table = lake.read_pinned(path, version.delta_version, schema.select(keys))
            counted[known] = subject.count(table)
        if counted[known]:
            found.append(
                Finding(
                    kind="dataset_version",
                    label=f"{dataset.project}/{version}",
                    advice=Advice.ERASED,
                    rows=counted[known],
                    total=version.row_count,
                    target=("datasets.datasetversion", str(version.pk)),
                )
            )
    return found


def _in_stray_files(dataset: Dataset, subject: Subject) -> list[Finding]:
    """Return the rows in files of the table that no version pins."""
    path = lake.dataset_path(dataset)
    pinned: set[str] = set()
    for version in versions_with_rows(dataset):
        assert version.delta_version is not None
        pinned |= lake.pinned_files(path, version.delta_version)
    rows = sum(
        subject.count(table)
        for name, table in lake.key_files(path, subject.names).items()
        if name not in pinned
    )
    if not rows:
        return []
    return [
        Finding(
            kind="stray_rows",
            label=f"{dataset.project}/{dataset}",
            advice=Advice.ERASED,
            rows=rows,
            target=("datasets.dataset", str(dataset.pk)),
            detail="Rows that were written for a version which never became ready.",
        )
    ]


def _with_uploads(dataset: Dataset) -> list[DatasetVersion]:
    ended = dataset.versions.exclude(status=VersionStatus.BUILDING)
    return [one for one in ended if str(one.source.get("upload", ""))]


def _in_uploads(dataset: Dataset, subject: Subject) -> list[Finding]:
    """Return the uploaded files that were kept, mostly after a failure; what is in them is not known.

    Where the dataset's rows are known to have no such key, the files are left.
    """
    schemas = [Schema.from_dict(one.schema) for one in versions_with_rows(dataset)]
    if schemas and not any(subject.columns_in(schema.names) for schema in schemas):
        return []
    return [
        Finding(
            kind="upload",
            label=f"{dataset.project}/{version}: {version.source.get('filename', 'file')}",
            advice=Advice.REMOVED,
            target=("datasets.datasetversion", str(version.pk)),
            detail="A file that was kept. It cannot be searched for a key, so it is removed.",
        )
        for version in _with_uploads(dataset)
        if (Path(settings.UPLOADS_ROOT) / str(version.source["upload"])).exists()
    ]


def _mentioning(subject: Subject) -> list[Job]:
    """Return the jobs of the project whose messages may name the subject."""
    value = subject.value
    return list(
        Job.objects.filter(project_id=subject.project_id)
        .filter(
            Q(error_message__contains=value)
            | Q(message__contains=value)
            | Q(log_lines__text__contains=value)
        )
        .distinct()
    )


def _in_job_texts(subject: Subject) -> list[Finding]:
    found = []
    for job in _mentioning(subject):
        texts = [job.error_message, job.message, *job.log_lines.values_list("text", flat=True)]
        if any(subject.without_mention(text) != text for text in texts):
            found.append(
                Finding(
                    kind="job_message",
                    label=job.title or job.kind,
                    advice=Advice.ERASED,
                    target=("jobs.job", str(job.pk)),
                    detail="A message of the job names the key; the key is replaced.",
                )
            )
    return found


def _erase_mentions(subject: Subject) -> None:
    for job in _mentioning(subject):
        fields = [
            {**one, "detail": subject.without_mention(str(one.get("detail", "")))}
            for one in job.error_fields
        ]
        Job.objects.filter(pk=job.pk).update(
            error_message=subject.without_mention(job.error_message),
            message=subject.without_mention(job.message),
            error_fields=fields,
        )
        for line in job.log_lines.filter(text__contains=subject.value):
            JobLogLine.objects.filter(pk=line.pk).update(text=subject.without_mention(line.text))
        _erase_from_log_file(job, subject)


def _erase_from_log_file(job: Job, subject: Subject) -> None:
    path = Path(settings.JOB_LOG_ROOT) / f"{job.pk}.log"
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    cleaned = subject.without_mention(text)
    if cleaned != text:
        path.write_text(cleaned, encoding="utf-8")
