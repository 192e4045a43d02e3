"""Django's registration of the room."""

from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """The ``core`` application."""

    name = "core"
    verbose_name = "Core"
    default_auto_field = "django.db.models.BigAutoField"
