"""The moves that a job's status may make."""

from __future__ import annotations

import itertools

import pytest

from jobs.errors import IllegalJobMove
from jobs.models import FINAL_STATUSES, NEXT_STATUSES, Job, JobStatus


@pytest.mark.parametrize(("old", "new"), list(itertools.product(JobStatus, JobStatus)))
def test_only_the_mapped_moves_are_possible(old: JobStatus, new: JobStatus) -> None:
    job = Job(status=old)
    if new in NEXT_STATUSES[old]:
        job.check_move(new)
    else:
        with pytest.raises(IllegalJobMove):
            job.check_move(new)


def test_every_status_has_its_moves_and_success_is_the_end() -> None:
    assert set(NEXT_STATUSES) == set(JobStatus)
    assert not NEXT_STATUSES[JobStatus.SUCCEEDED]
    assert all(Job(status=status).is_final for status in FINAL_STATUSES)
