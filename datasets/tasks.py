"""Celery's entry points of the datasets room."""

from __future__ import annotations

from celery import shared_task

from datasets.execution.asking import profiles, sources, upkeep


@shared_task(name="datasets.tasks.profile_new_versions")
def profile_new_versions() -> None:
    """Ask for the profiles of new versions that are small enough."""
    profiles.profile_new_versions()


@shared_task(name="datasets.tasks.collect_on_schedule")
def collect_on_schedule(source_id: int) -> None:
    """Read the source that a row of django-celery-beat is due for."""
    sources.start_on_schedule(source_id)


@shared_task(name="datasets.tasks.keep_house")
def keep_house() -> None:
    """Queue today's retention runs and compactions."""
    upkeep.keep_house()
