"""Django's registration of the room."""

from __future__ import annotations

from django.apps import AppConfig


class ServingConfig(AppConfig):
    """The ``serving`` application."""

    name = "serving"
    verbose_name = "Serving"
    default_auto_field = "django.db.models.BigAutoField"
