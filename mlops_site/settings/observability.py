"""Logs and metrics."""

from __future__ import annotations

from mlops_site.settings.environment import env

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "core.logs.formatter", "as_json": env.bool("LOG_JSON", default=False)}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "skl2onnx": {"level": "WARNING"},
    },
}

#: What Prometheus sends as a bearer token to /metrics; empty: there are no metrics.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
