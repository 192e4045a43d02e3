"""Celery's entry points of the serving room."""

from __future__ import annotations

from celery import shared_task

from serving import execution


@shared_task(name="serving.tasks.follow_champions")
def follow_champions() -> None:
    """Let endpoints serve their model's champion, also while no web process looks."""
    execution.follow_champions()
