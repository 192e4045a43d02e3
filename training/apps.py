"""Django's registration of the room."""

from __future__ import annotations

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """The ``training`` application."""

    name = "training"
    verbose_name = "Training"
    default_auto_field = "django.db.models.BigAutoField"
