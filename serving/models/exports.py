"""Model versions that leave the site as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Project
from jobs.models import Job
from models_registry.models import ModelVersion
from serving.errors import IllegalExportMove


class ModelExport(models.Model):
    """One archive of a model version: asked for once, made by a job, tried before it can be downloaded."""

    class Kind(models.TextChoices):
        BUNDLE = "bundle", "Server in a folder"
        MOBILE = "onnx-mobile", "ONNX for mobile"

    class Server(models.TextChoices):
        FLASK = "flask", "Flask"
        FASTAPI = "fastapi", "FastAPI"

    class Status(models.TextChoices):
        BUILDING = "building", "Being made"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="exports")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="exports"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    server = models.CharField(
        max_length=16,
        choices=Server.choices,
        blank=True,
        default="",
        help_text="The framework of the server; empty where there is none.",
    )
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.BUILDING)
    digest = models.CharField(
        "SHA-256", max_length=64, blank=True, default="", help_text="Of the archive."
    )
    size_bytes = models.BigIntegerField(default=0)
    smoke_test = models.JSONField(
        default=dict, blank=True, help_text="What was tried on the archive, and how it went."
    )
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="model_export"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=~models.Q(status="ready") | models.Q(digest__regex=r"^.{64}$"),
                name="ready_export_has_an_archive",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="bundle") ^ models.Q(server=""),
                name="bundle_has_a_server",
            ),
        ]

    def __str__(self) -> str:
        what = self.get_server_display() if self.server else self.get_kind_display()
        return f"{self.model_version} as {what}"

    def check_move(self, target: Status) -> None:
        """Raise unless the export may go to this status from the one that it has.

        Raises
        ------
        IllegalExportMove
            It may not.
        """
        if target not in NEXT_EXPORT_STATUSES[self.Status(self.status)]:
            raise IllegalExportMove(f"The export is {self.status}; it cannot become {target}.")


NEXT_EXPORT_STATUSES: Mapping[ModelExport.Status, frozenset[ModelExport.Status]] = {
    ModelExport.Status.BUILDING: frozenset({ModelExport.Status.READY, ModelExport.Status.FAILED}),
    # A job that failed can be tried again.
    ModelExport.Status.FAILED: frozenset({ModelExport.Status.READY, ModelExport.Status.FAILED}),
    ModelExport.Status.READY: frozenset(),
}
