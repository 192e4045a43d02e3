"""Wiring: settings, addresses, the Celery application and the supervisor."""

from __future__ import annotations

from mlops_site.celery import app as celery_app

__all__ = ["celery_app"]
