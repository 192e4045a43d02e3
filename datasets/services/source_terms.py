"""What a source says: its terms, what they must hold, and what becomes of secrets when they change."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Literal

from core.errors import Invalid
from datasets.formats import USUAL_BAD_SHARE, ReadOptions
from datasets.models import BadRows, Source, SourceKind, SourceMode
from datasets.sources import reader_of
from jobs.schedules import schedule_of


class Unchanged(Enum):
    """Says "leave it as it is", where ``None`` says "there shall be none"."""

    UNCHANGED = "unchanged"


UNCHANGED: Literal[Unchanged.UNCHANGED] = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True)
class SourceTerms:
    """What a source says, apart from its kind, secrets and schedule."""

    name: str
    mode: str = SourceMode.REPLACE
    watermark_column: str = ""
    enabled: bool = True
    on_bad_rows: str = BadRows.REFUSE
    most_bad_share: float = USUAL_BAD_SHARE
    settings: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raise :class:`~core.errors.Invalid` for what makes no sense whatever the kind is."""
        if not 1 <= len(self.name.strip()) <= 200 or _has_control(self.name):
            raise Invalid("A name has 1 to 200 characters.", field="name")
        if self.mode not in SourceMode.values:
            raise Invalid(f"Choose one of {', '.join(SourceMode.values)}.", field="mode")
        ReadOptions(on_bad_rows=self.on_bad_rows, most_bad_share=self.most_bad_share)
        if len(self.watermark_column) > 200 or _has_control(self.watermark_column):
            raise Invalid("A column's name has at most 200 characters.", field="watermark_column")
        if self.watermark_column and self.mode != SourceMode.APPEND:
            raise Invalid(
                "A watermark says which rows are new: it needs the mode 'append'.",
                field="watermark_column",
            )


def terms_of(source: Source) -> SourceTerms:
    """Return what a source says at present."""
    return SourceTerms(**{one.name: getattr(source, one.name) for one in fields(SourceTerms)})


def _has_control(text: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Cs") for c in text)


def values_of(terms: SourceTerms) -> dict[str, Any]:
    """Return the terms as the fields of the row."""
    values = {one.name: getattr(terms, one.name) for one in fields(SourceTerms)}
    return {**values, "name": terms.name.strip(), "settings": dict(terms.settings)}


def audited_terms(source: Source) -> dict[str, Any]:
    """Return what the audit trail says of a source; no secret is in it."""
    schedule = schedule_of(source.schedule)
    return {
        "name": source.name,
        "mode": str(source.mode),
        "watermark_column": source.watermark_column,
        "on_bad_rows": str(source.on_bad_rows),
        "most_bad_share": source.most_bad_share,
        "enabled": source.enabled,
        "settings": dict(source.settings),
        "schedule": schedule.to_dict() if schedule else None,
    }


def secrets_after(
    source: Source, settings: Mapping[str, str], entered: Mapping[str, str]
) -> dict[str, str]:
    """Return the secrets as they will be: without old ones that a new place would get to see."""
    moved = any(
        one.binds_secrets
        and settings.get(one.name, "").strip() != source.settings.get(one.name, "")
        for one in reader_of(source.kind).fields
    )
    if moved and source.sealed_secrets:
        missing = [name for name in source.secrets if name not in entered]
        if missing:
            raise Invalid(
                "The place has changed: enter this again, or empty it.",
                field=f"secrets.{missing[0]}",
            )
    # Everything entered anew needs no look at what an old key may have sealed.
    names = {one.name for one in reader_of(source.kind).fields if one.is_secret}
    old = {} if names <= set(entered) else source.secrets
    return {name: value for name, value in {**old, **entered}.items() if value}


def require_watermark(kind: str, terms: SourceTerms) -> None:
    """Raise :class:`~core.errors.Invalid` for a source whose every run would append what is there already."""
    if (
        kind == SourceKind.TRAFFIC
        and terms.mode == SourceMode.APPEND
        and not terms.watermark_column
    ):
        raise Invalid(
            "Without a watermark every run would append all labels again: use label_received_at.",
            field="watermark_column",
        )
