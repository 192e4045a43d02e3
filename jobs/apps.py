"""Django's registration of the room."""

from __future__ import annotations

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """The ``jobs`` application."""

    name = "jobs"
    verbose_name = "Jobs"
    default_auto_field = "django.db.models.BigAutoField"
