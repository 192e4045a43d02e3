"""A subject in what is kept beside the rows: results of checks, what checks hold back, quarantine, texts that persons typed.

Results of checks have sample rows and observed values; of a version that loses rows all of them go. Elsewhere
what names the key is replaced. What cannot be changed without breaking something is only told of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from datasets import lake
from datasets.erasure import Advice, Finding, Subject
from datasets.models import (
    CheckResult,
    DataCheck,
    Dataset,
    DatasetSchema,
    RecipeRevision,
    Source,
    SourceRun,
    VersionBlock,
)

_TAKEN = "What was seen is gone with rows that were erased; the check can be carried out again."


def in_documents(dataset: Dataset, subject: Subject, affected: Collection[int]) -> list[Finding]:
    """Return what of a dataset's documents goes, and what stays and should be looked at.

    Parameters
    ----------
    affected
        The versions that hold rows of the subject.
    """
    label = f"{dataset.project}/{dataset}"
    target = ("datasets.dataset", str(dataset.pk))
    results = sum(1 for one in _results(dataset) if _speaks(one, subject, affected))
    texts = sum(1 for _ in _naming(dataset, subject))
    aside = lake.count_naming(dataset, subject.is_named_in)
    found = [
        ("check_result", "results", results, "Sample rows, observed values and messages go."),
        (
            "dataset_text",
            "texts",
            texts,
            "Checks, schemas, runs of sources and blocks lose the key.",
        ),
        ("quarantined_row", "rows", aside, "The text of rows that could not be read is replaced."),
    ]
    return [
        Finding(kind, f"{label}: {count} {what}", Advice.ERASED, target=target, detail=detail)
        for kind, what, count, detail in found
        if count
    ] + _noted(dataset, subject, label)


def in_recipes(subject: Subject) -> list[Finding]:
    """Return the recipes that name the key; a revision is never changed, for models were made from it."""
    named = RecipeRevision.objects.filter(recipe__project_id=subject.project_id)
    return [
        Finding(
            "recipe",
            str(one),
            Advice.NOTED,
            target=("datasets.recipe", str(one.recipe_id)),
            detail="A step names the key. Revisions are never changed: make another recipe, and "
            "delete this one.",
        )
        for one in named.select_related("recipe").order_by("pk")
        if subject.without_mentions(one.steps) != one.steps
    ]


def erase_from_documents(dataset: Dataset, subject: Subject) -> None:
    """Replace what names the key; afterwards nothing of it is found any more."""
    lake.redact_put_aside(dataset, subject.is_named_in)
    with transaction.atomic():
        _erase_from_rows(dataset, subject)


def _erase_from_rows(dataset: Dataset, subject: Subject) -> None:
    for one in _results(dataset):
        if _speaks(one, subject, ()):
            take_from_results(CheckResult.objects.filter(pk=one.pk))
            CheckResult.objects.filter(pk=one.pk).update(
                title=subject.without_mention(one.title),
                parameters=subject.without_mentions(
                    one.parameters, numbers=_is_about_key(one.columns, subject)
                ),
            )
    for row, changed in _naming(dataset, subject):
        for name, value in changed.items():
            setattr(row, name, value)
        row.save(update_fields=list(changed))


def take_from_results(results: QuerySet[CheckResult]) -> None:
    """Take rows and values out of results; verdict and counts stay."""
    results.update(samples=[], observed={}, message=_TAKEN)


def release_blocks(dataset: Dataset) -> None:
    """Forget what checks hold back: the rows are not in the table that was written anew.

    Call it in the transaction that pins the versions to that table.
    """
    blocks = VersionBlock.objects.filter(version__dataset=dataset)
    waiting = blocks.filter(waived_at=None)
    take_from_results(CheckResult.objects.filter(version__block__in=waiting))
    waiting.delete()
    for (
        one
    ) in blocks.all():  # waived: the version has its own profile, and keeps it while it has rows
        one.written = {**one.written, "profile": {}}
        one.save(update_fields=["written"])


def _results(dataset: Dataset) -> Iterator[CheckResult]:
    return CheckResult.objects.filter(version__dataset=dataset).order_by("pk").iterator()


def _speaks(result: CheckResult, subject: Subject, affected: Collection[int]) -> bool:
    """Whether a result shows rows of the subject, or may."""
    if result.version_id in affected and (result.samples or result.observed):
        return True
    if any(subject.is_in(sample.get("values", {})) for sample in result.samples):
        return True
    seen = [result.title, result.message, result.parameters, result.observed, result.samples]
    about_key = _is_about_key(result.columns, subject)
    return bool(subject.without_mentions(seen, numbers=about_key) != seen)


def _is_about_key(columns: Sequence[str], subject: Subject) -> bool:
    return bool(subject.columns_in(columns))


def _cleaned(row: Any, value: Any, subject: Subject) -> Any:
    """Return a value of a row without the key; numbers are looked at where the row is about a key column."""
    if isinstance(row, DatasetSchema):
        return [_cleaned_column(column, subject) for column in value]
    about_key = isinstance(row, DataCheck) and _is_about_key(row.columns, subject)
    return subject.without_mentions(value, numbers=about_key)


def _cleaned_column(column: dict[str, Any], subject: Subject) -> dict[str, Any]:
    """Return a column of a schema without the key; a limit that is the number goes, because no text can be one."""
    cleaned: dict[str, Any] = subject.without_mentions(column)
    if column.get("name") not in subject.names:
        return cleaned
    for name in ("minimum", "maximum"):
        if _is_number_of(cleaned.get(name), subject):
            cleaned[name] = None
    if cleaned.get("categories"):
        kept = [one for one in cleaned["categories"] if not _is_number_of(one, subject)]
        cleaned["categories"] = kept or None
    return cleaned


def _is_number_of(value: Any, subject: Subject) -> bool:
    return bool(subject.without_mentions(value, numbers=True) != value)


def _naming(dataset: Dataset, subject: Subject) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield rows of the database that name the key, with what they should say instead."""
    kept: list[tuple[QuerySet[Any], tuple[str, ...]]] = [
        (DataCheck.objects.filter(dataset=dataset), ("parameters", "description")),
        (DatasetSchema.objects.filter(dataset=dataset), ("columns",)),
        (
            SourceRun.objects.filter(source__dataset=dataset).select_related("source"),
            ("watermark", "error_message"),
        ),
        (VersionBlock.objects.filter(version__dataset=dataset), ("reason", "written")),
    ]
    for rows, names in kept:
        for row in rows.order_by("pk").iterator():
            present = {name: getattr(row, name) for name in names}
            cleaned = {name: _cleaned(row, value, subject) for name, value in present.items()}
            if isinstance(row, SourceRun) and _is_watermark(row.watermark, row.source, subject):
                cleaned["watermark"] = {}
            changed = {name: cleaned[name] for name in names if cleaned[name] != present[name]}
            if changed:
                yield row, changed


def _noted(dataset: Dataset, subject: Subject, label: str) -> list[Finding]:
    found = []
    for source in Source.objects.filter(dataset=dataset).order_by("pk"):
        mark = source.position.get("watermark") or {}
        said = [source.settings, source.position]
        if _is_watermark(mark, source, subject) or subject.without_mentions(said) != said:
            found.append(
                Finding(
                    "source_position",
                    f"{label}: {source}",
                    Advice.NOTED,
                    target=("datasets.source", str(source.pk)),
                    detail="Its settings or its watermark name the key. Change the settings by hand; "
                    "the watermark goes with the next run that finds something new.",
                )
            )
    return found


def _is_watermark(mark: dict[str, Any], source: Source, subject: Subject) -> bool:
    return source.watermark_column in subject.names and subject.is_value(mark.get("value"))
