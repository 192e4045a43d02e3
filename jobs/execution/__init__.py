"""How a job is claimed, carried out, watched and, when its worker died, put back.

The row is the truth. A worker claims it by compare-and-set with a fencing token; whoever holds the token
may finish the job, and everything that the job changes in the database is written in that same transaction.
"""

from __future__ import annotations

from jobs.execution.claims import Claim, claim, fail, put_back
from jobs.execution.context import Conclude, Handler, JobContext
from jobs.execution.reconciliation import Reconciliation, reconcile
from jobs.execution.supervision import run, stop_supervising
from jobs.execution.work import carry_out

__all__ = [
    "Claim",
    "Conclude",
    "Handler",
    "JobContext",
    "Reconciliation",
    "carry_out",
    "claim",
    "fail",
    "put_back",
    "reconcile",
    "run",
    "stop_supervising",
]
