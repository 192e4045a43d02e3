"""Celery entry points of the retraining room."""

from __future__ import annotations

from celery import shared_task

from retraining import execution


@shared_task(name="retraining.tasks.check_triggers")
def check_triggers() -> int:
    """Start what open drift alerts ask for; return how many retrainings were started."""
    return len(execution.check_triggers())


@shared_task(name="retraining.tasks.retrain_on_schedule")
def retrain_on_schedule(policy_id: int) -> None:
    """Start the retraining that a row of django-celery-beat is due for."""
    execution.start_on_schedule(policy_id)
