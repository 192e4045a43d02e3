"""What a room that keeps rows must be able to do about a subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from datasets.erasure.findings import Finding
from datasets.erasure.subject import Subject

#: Told what is being done; called often. What it raises (the job was taken over) stops the work.
Tell = Callable[[str], None]


class SubjectStore(Protocol):
    """A place in which a subject's rows may be; ``settings.SUBJECT_STORES`` names modules that are one.

    They are asked from the top of the house downwards, because what lies above is found through what
    lies below: ground truth through predictions, reference samples through dataset versions.
    """

    def find(self, subject: Subject, tell: Tell) -> Sequence[Finding]:
        """Return where the subject is; changes nothing."""

    def erase(self, subject: Subject, tell: Tell) -> None:
        """Remove the subject; may be called again after it broke off anywhere, or when all is done."""
