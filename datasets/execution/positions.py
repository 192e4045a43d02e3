"""How far a source has been read, and how far it will have been once a version that is held back is let through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.clock import now
from datasets.errors import SourceOvertaken
from datasets.models import DatasetVersion, RunOutcome, Source, SourceMode, SourceRun
from datasets.sources import Watermark


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source has been read."""

    watermark: Watermark | None
    files: Mapping[str, str]
    version_id: int | None

    @classmethod
    def of(cls, source: Source) -> Position:
        """Return where a source stands."""
        return cls.from_dict(source.position)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Position:
        """Return the position that :meth:`to_dict` described."""
        kept = data.get("watermark")
        return cls(
            Watermark.from_dict(kept) if kept else None,
            data.get("files", {}),
            data.get("version"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the position as JSON-compatible values."""
        return {
            "watermark": self.watermark.to_dict() if self.watermark else None,
            "files": dict(self.files),
            "version": self.version_id,
        }


def finish_run(run: SourceRun, outcome: RunOutcome, **values: Any) -> None:
    """Let a run come to an end that is no failure."""
    run.check_move(outcome)
    run.outcome, run.finished_at = outcome, now()
    run.error_code = run.error_message = ""
    run.held_position = {}
    for name, value in values.items():
        setattr(run, name, value)
    run.save()


def move_source(source: Source, position: Position) -> None:
    """Write where a locked source stands now."""
    source.position = position.to_dict()
    source.position_number += 1
    source.save(update_fields=["position", "position_number"])


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run whose version checks hold back, and its source; the rows of both are locked."""

    run: SourceRun
    source: Source

    def release(self) -> None:
        """Let the source stand where the version ends: the next run goes on behind it.

        Call it in the transaction that makes the version ready.

        Raises
        ------
        SourceOvertaken
            The source was changed, reset or read since, and its rows would be read again below these.
        """
        held = self.run.held_position
        if self.source.position_number == held["number"]:
            move_source(self.source, Position.from_dict(held["position"]))
        elif self.source.mode == SourceMode.APPEND:
            raise SourceOvertaken(
                f"The source '{self.source.name}' was changed, reset or read since: its next run would append "
                "these rows again. Run it instead."
            )
        finish_run(self.run, RunOutcome.COLLECTED)


def lock_held_run(version: DatasetVersion) -> HeldRun | None:
    """Lock the run that wrote a version which is held back, and its source; None when no source did.

    Lock them before the dataset: a run that concludes takes them in that order.
    """
    found = (
        SourceRun.objects.filter(dataset_version=version, outcome=RunOutcome.FAILED)
        .exclude(held_position={})
        .order_by("-id")
        .first()
    )
    if found is None:
        return None
    source = Source.objects.select_for_update().get(pk=found.source_id)
    return HeldRun(SourceRun.objects.select_for_update().get(pk=found.pk), source)
