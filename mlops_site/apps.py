"""Django's registration of the wiring room (its management commands and templates)."""

from __future__ import annotations

from django.apps import AppConfig


class MlopsSiteConfig(AppConfig):
    """The ``mlops_site`` application."""

    name = "mlops_site"
    verbose_name = "Site"
