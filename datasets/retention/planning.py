"""Which versions stay, which are put aside, and which lose their rows, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a version."""

    KEEP = "keep"
    ARCHIVE = "archive"
    WAIT = "wait"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy says; see :class:`datasets.models.RetentionPolicy`."""

    keep_last: int | None
    keep_days: int | None
    grace_days: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that has rows.

    Attributes
    ----------
    archived_at
        Since when it is put aside; None while it is ready.
    hold_reason
        Why it must stay; empty when nobody said so.
    uses
        What was made from it, e.g. ``2 runs``.
    files
        The files that its rows are in, with their sizes in bytes.
    """

    id: int
    number: int
    created_at: datetime
    archived_at: datetime | None
    hold_reason: str = ""
    uses: tuple[str, ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedVersion:
    """What becomes of one version, why, and how many bytes that frees."""

    id: int
    number: int
    fate: Fate
    reasons: tuple[str, ...]
    frees_bytes: int = 0


def plan(
    candidates: Sequence[Candidate], terms: Terms, *, moment: datetime
) -> tuple[PlannedVersion, ...]:
    """Decide about each version, the newest first.

    A version stays when it is the newest ready one, when the policy speaks for it, when it is held, or
    when something was made from it. One whose files are all needed by versions that stay (an append shares
    the files of what it continues) stays too: removing it would free nothing.

    Parameters
    ----------
    candidates
        All versions of the dataset that have rows.
    moment
        The present time.
    """
    newest = sorted(candidates, key=lambda one: -one.number)
    reasons = {
        one.id: _reasons(place, one, newest, terms, moment) for place, one in enumerate(newest)
    }
    needed = {path for one in newest if reasons[one.id] for path in one.files}
    for one in newest:
        if not reasons[one.id] and one.files and needed.issuperset(one.files):
            sharing = next(
                other.number
                for other in newest
                if reasons[other.id] and other.id != one.id and set(other.files) & set(one.files)
            )
            reasons[one.id] = [f"shares all its files with versions that stay (v{sharing})"]
    planned = []
    freed: set[str] = set()
    for one in newest:
        if reasons[one.id]:
            planned.append(PlannedVersion(one.id, one.number, Fate.KEEP, tuple(reasons[one.id])))
            continue
        fate, why = _fate(one, terms, moment)
        alone = {path: size for path, size in one.files.items() if path not in needed | freed}
        freed |= set(alone)
        planned.append(PlannedVersion(one.id, one.number, fate, (why,), sum(alone.values())))
    return tuple(planned)


def _reasons(
    place: int,
    one: Candidate,
    newest: Sequence[Candidate],
    terms: Terms,
    moment: datetime,
) -> list[str]:
    reasons = []
    ready = [other.id for other in newest if other.archived_at is None]
    if ready[:1] == [one.id]:
        reasons.append("the newest ready version")
    if terms.keep_last is not None and place < terms.keep_last:
        reasons.append(f"among the newest {terms.keep_last} that the policy keeps")
    if terms.keep_days is not None and moment - one.created_at < timedelta(days=terms.keep_days):
        reasons.append(f"younger than {terms.keep_days} days")
    if one.hold_reason:
        reasons.append(f"held: {one.hold_reason}")
    if one.uses:
        reasons.append(f"used by {', '.join(one.uses)}")
    return reasons


def _fate(one: Candidate, terms: Terms, moment: datetime) -> tuple[Fate, str]:
    if one.archived_at is None:
        return Fate.ARCHIVE, "no rule speaks for it"
    due = one.archived_at + timedelta(days=terms.grace_days)
    if moment < due:
        return Fate.WAIT, f"archived; its rows go after {due:%Y-%m-%d %H:%M} UTC"
    return Fate.REMOVE, f"archived since {one.archived_at:%Y-%m-%d %H:%M} UTC"
