"""Counts of a web process in Prometheus' text format.

Names and units follow Prometheus' conventions (base units, ``_total`` for counters); buckets are cumulative.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from serving.prediction_log import Backlog
from serving.routing.statistics import BUCKET_SECONDS, Counts, Key, Labels

_LABELS = ("project", "endpoint", "version", "role", "group", "dialect")


def exposition(
    counted: Mapping[Key, Counts],
    labels: Mapping[int, Labels],
    *,
    loaded_models: int,
    backlog: Backlog,
    jobs: Mapping[tuple[str, str], int],
) -> bytes:
    """Return counts and gauges as text.

    Parameters
    ----------
    counted
        Counts of this process.
    labels
        Names of deployments by their id; those that are not named are left out.
    jobs
        Jobs by kind and status.
    """
    registry = CollectorRegistry(auto_describe=False)
    known = [
        ([*_of(labels[key.deployment_id]), key.dialect], counts)
        for key, counts in counted.items()
        if key.deployment_id in labels
    ]
    registry.register(_Once([*_counters(known), *_gauges(loaded_models, backlog, jobs)]))
    return generate_latest(registry)


def _of(labels: Labels) -> list[str]:
    return [labels.project, labels.endpoint, str(labels.version), labels.role, labels.group]


class _Once(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        """Return what was counted."""
        yield from self._metrics


def _counters(known: list[tuple[list[str], Counts]]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "mlops_prediction_requests",
        "Scoring requests by status.",
        labels=[*_LABELS, "status"],
    )
    rows = CounterMetricFamily("mlops_predictions", "Instances answered.", labels=_LABELS)
    latency = HistogramMetricFamily(
        "mlops_prediction_seconds", "Time to answer a scoring request.", labels=_LABELS
    )
    dropped = CounterMetricFamily(
        "mlops_shadow_dropped", "Requests that a shadow had no room for.", labels=_LABELS
    )
    for names, counts in known:
        for status, number in sorted(counts.statuses.items()):
            requests.add_metric([*names, str(status)], number)
        rows.add_metric(names, counts.rows)
        if counts.dropped:
            dropped.add_metric(names, counts.dropped)
        latency.add_metric(names, _cumulative(counts), counts.seconds)
    yield from (requests, rows, latency, dropped)


def _cumulative(counts: Counts) -> list[tuple[str, float]]:
    bounds = [*map(str, BUCKET_SECONDS), "+Inf"]
    total = 0
    found: list[tuple[str, float]] = []
    for bound, number in zip(bounds, counts.buckets, strict=True):
        total += number
        found.append((bound, total))
    return found


def _gauges(
    loaded_models: int, backlog: Backlog, jobs: Mapping[tuple[str, str], int]
) -> Iterator[Metric]:
    for name, text, value in (
        ("mlops_loaded_models", "Models in the memory of this process.", loaded_models),
        ("mlops_prediction_log_files", "Files that wait to be shipped.", backlog.file_count),
        ("mlops_prediction_log_bytes", "Bytes that wait to be shipped.", backlog.size_bytes),
        (
            "mlops_prediction_log_oldest_seconds",
            "Age of the oldest file that waits to be shipped.",
            backlog.oldest_seconds,
        ),
    ):
        yield GaugeMetricFamily(name, text, value=value)
    by_status = GaugeMetricFamily("mlops_jobs", "Jobs by state.", labels=("kind", "status"))
    for (kind, status), number in sorted(jobs.items()):
        by_status.add_metric([kind, status], number)
    yield by_status
