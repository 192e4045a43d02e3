"""Celery's entry points of the monitoring room."""

from __future__ import annotations

from celery import shared_task

from monitoring import execution


@shared_task(name="monitoring.tasks.run_scheduled_reports")
def run_scheduled_reports() -> None:
    """Queue a drift report for each endpoint that was asked."""
    execution.run_scheduled_reports()
