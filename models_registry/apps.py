"""Django's registration of the room."""

from __future__ import annotations

from django.apps import AppConfig


class ModelsRegistryConfig(AppConfig):
    """The ``models_registry`` application."""

    name = "models_registry"
    verbose_name = "Model registry"
    default_auto_field = "django.db.models.BigAutoField"
