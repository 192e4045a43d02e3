"""Kinds of jobs: who does them, in which queue, within which limits."""

from __future__ import annotations

from mlops_site.settings.environment import env

JOB_HANDLERS = {
    "compare_versions": "datasets.execution.comparison.compare",
    "search_subject": "datasets.execution.erasure.search_subject",
    "erase_subject": "datasets.execution.erasure.erase_subject",
    "verify_version": "datasets.execution.erasure.verify_version",
    "ingest": "datasets.execution.ingestion.ingest",
    "profile": "datasets.execution.profiling.profile_version",
    "check_version": "datasets.execution.checking.check_version",
    "collect": "datasets.execution.collecting.collect",
    "retention": "datasets.execution.upkeep.apply_retention",
    "compact_dataset": "datasets.execution.upkeep.compact_dataset",
    "train": "training.execution.train",
    "evaluate": "models_registry.execution.evaluate",
    "upload_model": "models_registry.execution.upload_model",
    "drift_report": "monitoring.execution.reporting.drift_report",
    "retrain": "retraining.execution.retraining.retrain",
    "batch_score": "serving.execution.scoring.score_batch",
    "prediction_retention": "serving.execution.log_retention.apply_log_retention",
    "export_model": "serving.execution.exporting.export_model",
}
JOB_FAILURE_HANDLERS = {
    "compare_versions": "datasets.execution.comparison.compare_failed",
    "search_subject": "datasets.execution.erasure.search_failed",
    "erase_subject": "datasets.execution.erasure.erase_failed",
    "ingest": "datasets.execution.ingestion.ingest_failed",
    "collect": "datasets.execution.collecting.collect_failed",
    "train": "training.execution.train_failed",
    "evaluate": "models_registry.execution.evaluate_failed",
    "upload_model": "models_registry.execution.upload_model_failed",
    "retrain": "retraining.execution.retraining.retrain_failed",
    "batch_score": "serving.execution.scoring.score_batch_failed",
    "export_model": "serving.execution.exporting.export_model_failed",
}
JOB_QUEUES = {
    "train": "training",
    "retrain": "training",
    "evaluate": "training",
    "upload_model": "training",
    "batch_score": "training",
    "export_model": "training",
    "drift_report": "monitoring",
}
JOB_MAX_ATTEMPTS = env.int("JOB_MAX_ATTEMPTS", default=3)
JOB_HEARTBEAT_SECONDS = env.float("JOB_HEARTBEAT_SECONDS", default=10.0)
JOB_STALE_SECONDS = env.float("JOB_STALE_SECONDS", default=35.0)
JOB_TIME_LIMIT_SECONDS = env.float("JOB_TIME_LIMIT_SECONDS", default=3600.0)
JOB_MEMORY_LIMIT_BYTES = env.int("JOB_MEMORY_LIMIT_BYTES", default=4 * 1024**3)
