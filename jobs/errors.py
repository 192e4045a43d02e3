"""Named refusals of the jobs room."""

from __future__ import annotations

from core.errors import Conflict, IllegalMove, Invalid, Unavailable


class IllegalJobMove(IllegalMove):
    """The job's state machine does not know this move."""

    code = "illegal_job_move"
    title = "The job cannot make this move"


class JobKindUnknown(Invalid):
    """No handler is registered for this kind of job."""

    code = "job_kind_unknown"
    title = "This kind of job does not exist"


class JobCancelled(Conflict):
    """The job was asked to stop; raised inside the work so that it ends soon."""

    code = "cancelled"
    title = "The job was cancelled"


class ClaimLost(Conflict):
    """Another worker has taken the job over; what this one did has no effect."""

    code = "claim_lost"
    title = "The job was taken over by another worker"


class IdempotencyKeyReused(Conflict):
    """The same key came with another request than the first time."""

    code = "idempotency_key_reused"
    title = "This idempotency key was used for a different request"


class WorkerLost(Unavailable):
    """The worker died on every attempt."""

    code = "worker_lost"
    title = "The worker died while it carried out the job"
