"""Datasets: upkeep, sources, the erasure of persons."""

from __future__ import annotations

from mlops_site.settings.environment import env

#: Files that a version gave up stay this long, for jobs that have written rows and not recorded them yet.
LAKE_GRACE_HOURS = env.int("LAKE_GRACE_HOURS", default=24)
#: A dataset is compacted on its own after so many appends within the days after.
COMPACT_AFTER_APPENDS = env.int("COMPACT_AFTER_APPENDS", default=8)
COMPACT_LOOKBACK_DAYS = env.int("COMPACT_LOOKBACK_DAYS", default=30)
#: Versions up to this many rows are profiled without being asked for; larger ones by one click.
AUTO_PROFILE_MAX_ROWS = env.int("AUTO_PROFILE_MAX_ROWS", default=2_000_000)

SOURCE_READERS = {
    "path": "datasets.sources.local_files.LocalFiles",
    "s3": "datasets.sources.s3_objects.S3Objects",
    "http": "datasets.sources.web.WebFile",
    "sql": "datasets.sources.warehouse.WarehouseQuery",
    "traffic": "monitoring.execution.traffic.Traffic",
}
#: Folders of this server below which sources may read files; without any, none.
SOURCE_PATHS = env.list("SOURCE_PATHS", default=[])
#: Buckets (bucket or bucket/prefix) that sources may read with the site's own S3 key; without any, none.
SOURCE_S3_BUCKETS = env.list("SOURCE_S3_BUCKETS", default=[])
#: S3 endpoints that sources may name, besides S3_ENDPOINT_URL.
SOURCE_S3_ENDPOINTS = env.list("SOURCE_S3_ENDPOINTS", default=[])
#: Whether sources may fetch from web addresses.
SOURCE_HTTP = env.bool("SOURCE_HTTP", default=False)
SOURCE_HTTP_SECONDS = env.float("SOURCE_HTTP_SECONDS", default=1800.0)
#: Networks (CIDR) that web sources may reach although they are not public.
SOURCE_HTTP_PRIVATE_NETWORKS = env.list("SOURCE_HTTP_PRIVATE_NETWORKS", default=[])
#: SQLAlchemy's names; "sqlite" (files below SOURCE_PATHS) is the other one that is known.
SOURCE_SQL_DIALECTS = env.list("SOURCE_SQL_DIALECTS", default=["postgresql+psycopg"])
#: Hosts of warehouses; empty: any.
SOURCE_SQL_HOSTS = env.list("SOURCE_SQL_HOSTS", default=[])
SOURCE_SQL_SECONDS = env.float("SOURCE_SQL_SECONDS", default=1800.0)
#: Most bytes that "check connection" fetches to show rows.
SOURCE_LOOK_BYTES = env.int("SOURCE_LOOK_BYTES", default=64 * 1024**2)
#: Labels younger than this wait for the next run of a traffic source: others may still be on their way.
SOURCE_TRAFFIC_SETTLE_SECONDS = env.float("SOURCE_TRAFFIC_SETTLE_SECONDS", default=30.0)

#: Modules with ``find`` and ``erase`` (datasets.erasure.SubjectStore), from the top of the house downwards:
#: what lies above is found through what lies below, so the datasets come last.
SUBJECT_STORES = [
    "retraining.execution.erasure",
    "monitoring.execution.erasure",
    "serving.execution.erasure",
    "models_registry.execution.erasure",
    "experiments.execution.erasure",
    "datasets.execution.erasure.store",
]
