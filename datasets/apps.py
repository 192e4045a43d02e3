"""Django's registration of the room."""

from __future__ import annotations

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """The ``datasets`` application."""

    name = "datasets"
    verbose_name = "Data"
    default_auto_field = "django.db.models.BigAutoField"
