"""Celery's entry points of the serving room."""

from __future__ import annotations

from celery import shared_task

from core.clock import now
from serving import execution
from serving.execution import rollouts
from serving.execution.asking import ask_for_log_retention


@shared_task(name="serving.tasks.follow_champions")
def follow_champions() -> None:
    """Let endpoints serve their model's champion, also while no web process looks."""
    execution.follow_champions()


@shared_task(name="serving.tasks.advance_rollouts")
def advance_rollouts() -> None:
    """Judge the rollouts under way, and let them take their next step."""
    rollouts.advance_rollouts(now())


@shared_task(name="serving.tasks.forget_traffic")
def forget_traffic() -> None:
    """Remove counted minutes that nobody looks at any more."""
    execution.forget_old_minutes(now())


@shared_task(name="serving.tasks.delete_old_predictions")
def delete_old_predictions() -> None:
    """Queue today's deletion of predictions that endpoints keep no longer."""
    ask_for_log_retention()
