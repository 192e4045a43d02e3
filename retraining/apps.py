"""Django's registration of the room."""

from __future__ import annotations

from django.apps import AppConfig


class RetrainingConfig(AppConfig):
    """The ``retraining`` application."""

    name = "retraining"
    verbose_name = "Retraining"
    default_auto_field = "django.db.models.BigAutoField"
