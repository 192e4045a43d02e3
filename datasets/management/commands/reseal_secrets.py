"""Seal the secrets of all sources with the first of the present keys."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from core.sealing import SecretsUnreadable, reseal
from datasets.models import Source


class Command(BaseCommand):
    """``manage.py reseal_secrets``: after a key was put before the others."""

    help = "Seal the secrets of all sources with the first of the present keys."

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through all sources; what no key opens is named and left as it is."""
        done = 0
        for pk in Source.objects.exclude(sealed_secrets="").values_list("pk", flat=True):
            with transaction.atomic():
                source = Source.objects.select_for_update().get(pk=pk)
                try:
                    source.sealed_secrets = reseal(source.sealed_secrets)
                except SecretsUnreadable:
                    self.stderr.write(f"source {pk}: no key opens its secrets; enter them again")
                    continue
                source.save(update_fields=["sealed_secrets"])
                done += 1
        self.stdout.write(f"{done} sources resealed")
