"""The readers that the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from django.conf import settings as site
from django.utils.module_loading import import_string

from core.errors import FieldError, Invalid
from datasets.errors import SourceKindUnknown
from datasets.sources.asking import SourceReader

_LONGEST = 20_000


def reader_of(kind: str) -> SourceReader:
    """Return the reader of a kind of source.

    Raises
    ------
    SourceKindUnknown
        ``settings.SOURCE_READERS`` does not name it.
    """
    path = site.SOURCE_READERS.get(kind)
    if path is None:
        raise SourceKindUnknown(f"There is no source of the kind '{kind}'.", field="kind")
    return cast("SourceReader", import_string(path)())


def checked_terms(
    *, kind: str, project_id: int, settings: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return the settings of a source as they are stored: trimmed, without empty ones.

    Raises
    ------
    Invalid
        A setting or secret is missing, unknown, too long or not acceptable; it is named.
    """
    reader = reader_of(kind)
    complaints: list[FieldError] = []
    for place, values, is_secret in (("settings", settings, False), ("secrets", secrets, True)):
        known = {field.name: field for field in reader.fields if field.is_secret is is_secret}
        complaints += [
            FieldError(f"{place}.{name}", "This kind of source has no such field.")
            for name in values
            if name not in known
        ]
        complaints += [
            FieldError(f"{place}.{name}", "This is needed.")
            for name, field in known.items()
            if field.is_required and not values.get(name, "").strip()
        ]
        complaints += [
            FieldError(f"{place}.{name}", "This text cannot be kept: it is too long or has a NUL.")
            for name, value in values.items()
            if len(value) > _LONGEST or "\0" in value
        ]
    if complaints:
        raise Invalid("The settings of the source are not complete.", errors=complaints)
    kept = {name: value.strip() for name, value in settings.items() if value.strip()}
    reader.check(project_id=project_id, settings=kept, secrets=secrets)
    return kept
