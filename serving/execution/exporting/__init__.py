"""The job that makes an archive of a model version, and tries it before anybody can download it."""

from __future__ import annotations

from serving.execution.exporting.job import export_model, export_model_failed

__all__ = ["export_model", "export_model_failed"]
