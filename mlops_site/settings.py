"""All settings, read from the environment (and from ``.env`` beside ``manage.py``).

A default installation needs none of them: everything that it keeps lies under ``MLOPS_HOME`` (``var/``).
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from mlops_site.navigation import NAVIGATION

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.smart_cast = False
environ.Env.read_env(env.str("MLOPS_ENV_FILE", default=str(BASE_DIR / ".env")))

# --- Where things are kept ------------------------------------------------------------------------

MLOPS_HOME = Path(env.str("MLOPS_HOME", default=str(BASE_DIR / "var"))).resolve()
LAKE_ROOT = env.str("LAKE_ROOT", default=str(MLOPS_HOME / "lake"))
#: S3, or what speaks like it: for a lake or artifacts at s3://…; without a key, the machine's own (AWS_*).
OBJECT_STORAGE = {
    "endpoint_url": env.str("S3_ENDPOINT_URL", default=""),
    "region": env.str("S3_REGION", default="us-east-1"),
    "access_key_id": env.str("S3_ACCESS_KEY_ID", default=""),
    "secret_access_key": env.str("S3_SECRET_ACCESS_KEY", default=""),
}
BLOBS_ROOT = MLOPS_HOME / "blobs"
#: Where artifacts are kept when not in BLOBS_ROOT: s3://bucket/prefix.
ARTIFACTS_URL = env.str("ARTIFACTS_URL", default="")
UPLOADS_ROOT = MLOPS_HOME / "uploads"
SCRATCH_ROOT = MLOPS_HOME / "scratch"
JOB_LOG_ROOT = MLOPS_HOME / "logs" / "jobs"
PREDICTION_LOG_ROOT = MLOPS_HOME / "prediction-log"
#: Shards of batch scorings that are not done yet; shared by all workers, else a second attempt begins anew.
SCORING_ROOT = MLOPS_HOME / "scoring"

# --- Security -------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)


def _secret_key() -> str:
    """Return the configured key, else the generated one that is kept (0600) in ``MLOPS_HOME``."""
    configured: str = env.str("SECRET_KEY", default="")
    if configured:
        return configured
    key_file = MLOPS_HOME / "secret-key"
    if not key_file.exists():
        if env.bool("PRODUCTION", default=False):
            raise ImproperlyConfigured("Set SECRET_KEY: production does not start on a default.")
        MLOPS_HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = key_file.with_suffix(f".{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(64))
        try:
            key_file.hardlink_to(draft)  # fails when another process was first: its key counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return key_file.read_text().strip()


PRODUCTION = env.bool("PRODUCTION", default=False)
SECRET_KEY = _secret_key()
if PRODUCTION and (len(SECRET_KEY) < 50 or SECRET_KEY.startswith(("change", "django-insecure"))):
    raise ImproperlyConfigured("SECRET_KEY is a default or too short: use 50 random characters.")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
#: What encrypts secrets that are kept (of sources …); the first seals, all open. Default: SECRET_KEY.
SECRETS_KEYS = env.list("SECRETS_KEYS", default=[])

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
# Actions of the admin are links: no other site can follow one with somebody's session.
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Applications ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    # Pages are found by the addresses (urls.py), so that workers do not load them.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "core",
    "accounts",
    "jobs",
    "datasets",
    "experiments",
    "models_registry",
    "training",
    "serving",
    "monitoring",
    "retraining",
    "mlops_site",
]

MIDDLEWARE = [
    "core.middleware.TracingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.RequestIdMiddleware",
    "core.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "mlops_site.urls"
WSGI_APPLICATION = "mlops_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{MLOPS_HOME / 'db.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction takes the write lock at its start, so that two writers queue
    # instead of failing with "database is locked" in the middle of a read-modify-write.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
            # What is deleted or overwritten is gone from the file, too.
            "PRAGMA secure_delete=ON;"
        ),
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"

# --- Language, time, files ------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = MLOPS_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False


def blob_storage(url: str, store: dict[str, str]) -> dict[str, Any]:
    """Return the storage of artifacts: a folder, or a bucket of an S3 service."""
    if not url:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(BLOBS_ROOT)},
        }
    if not url.startswith("s3://"):
        raise ImproperlyConfigured("ARTIFACTS_URL is s3://bucket/prefix, or empty.")
    bucket, _, location = url.removeprefix("s3://").partition("/")
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "location": location,
            "endpoint_url": store["endpoint_url"] or None,
            "region_name": store["region"],
            "access_key": store["access_key_id"] or None,
            "secret_key": store["secret_access_key"] or None,
            "addressing_style": "path" if store["endpoint_url"] else None,
            # The name is the digest: whoever writes it again writes the same bytes.
            "file_overwrite": True,
        },
    }


STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(MLOPS_HOME / "media")},
    },
    "blobs": blob_storage(ARTIFACTS_URL, OBJECT_STORAGE),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=8 * 1024**3)
#: An uploaded model, and the process that opens it for the first time.
MODEL_UPLOAD_MAX_BYTES = env.int("MODEL_UPLOAD_MAX_BYTES", default=256 * 1024**2)
MODEL_SANDBOX_MEMORY_BYTES = env.int("MODEL_SANDBOX_MEMORY_BYTES", default=2 * 1024**3)
MODEL_SANDBOX_SECONDS = env.float("MODEL_SANDBOX_SECONDS", default=60.0)
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024**2
#: The page of a schema sends ten fields for each of up to 2,000 columns.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 25_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024**2

# --- Redis and Celery -----------------------------------------------------------------------------


def _redis_url() -> str:
    """Return the configured Redis, else the socket of the private one that ``up`` starts."""
    configured: str = env.str("REDIS_URL", default="")
    if configured:
        return configured
    pointer = MLOPS_HOME / "redis" / "url"
    if pointer.exists():
        return pointer.read_text().strip()
    return f"unix://{MLOPS_HOME / 'redis' / 'redis.sock'}?db=0"


REDIS_URL = _redis_url()


def _celery_url(redis_url: str) -> str:
    """Translate a redis-py URL into the spelling that Celery's transport wants for sockets."""
    if redis_url.startswith("unix://"):
        path, _, query = redis_url.removeprefix("unix://").partition("?")
        database = dict(part.partition("=")[::2] for part in query.split("&")).get("db", "0")
        return f"redis+socket://{path}?virtual_host={database}"
    return redis_url


CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "mlops",
    }
}

CELERY_BROKER_URL = _celery_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 25
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 12 * 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    # Whoever asks for a job does not wait for a broker that is away; the job is announced later.
    "interval_start": 0.1,
    "interval_step": 0.2,
    "connect_retries_timeout": 0.5,
    "global_keyprefix": "mlops:",
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

#: Beat entries that the product itself needs; people add theirs in the admin.
CELERY_BEAT_SCHEDULE = {
    "reconcile jobs": {
        "task": "jobs.tasks.reconcile",
        "schedule": env.float("JOB_RECONCILE_SECONDS", default=10.0),
        "options": {"expires": 30, "queue": "default"},
    },
    "let old predictions go": {
        "task": "serving.tasks.delete_old_predictions",
        "schedule": 3600.0,
        "options": {"expires": 3600, "queue": "default"},
    },
    "follow champions": {
        "task": "serving.tasks.follow_champions",
        "schedule": 10.0,
        "options": {"expires": 10, "queue": "default"},
    },
    "advance rollouts": {
        "task": "serving.tasks.advance_rollouts",
        "schedule": 5.0,
        "options": {"expires": 5, "queue": "default"},
    },
    "forget old traffic": {
        "task": "serving.tasks.forget_traffic",
        "schedule": 86_400.0,
        "options": {"expires": 3600, "queue": "default"},
    },
    "profile new dataset versions": {
        "task": "datasets.tasks.profile_new_versions",
        "schedule": 20.0,
        "options": {"expires": 20, "queue": "default"},
    },
    "retention and compaction of datasets": {
        "task": "datasets.tasks.keep_house",
        "schedule": 6 * 3600.0,  # each does its work once a day: keys see to it
        "options": {"expires": 3600, "queue": "default"},
    },
    "scheduled drift reports": {
        "task": "monitoring.tasks.run_scheduled_reports",
        "schedule": 3600.0,
        "options": {"expires": 1800, "queue": "monitoring"},
    },
    "retraining triggers": {
        "task": "retraining.tasks.check_triggers",
        "schedule": 30.0,
        "options": {"expires": 60, "queue": "monitoring"},
    },
}

# --- Jobs -----------------------------------------------------------------------------------------

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

#: Files that a version gave up stay this long, for jobs that have written rows and not recorded them yet.
LAKE_GRACE_HOURS = env.int("LAKE_GRACE_HOURS", default=24)
#: A dataset is compacted on its own after so many appends within the days after.
COMPACT_AFTER_APPENDS = env.int("COMPACT_AFTER_APPENDS", default=8)
COMPACT_LOOKBACK_DAYS = env.int("COMPACT_LOOKBACK_DAYS", default=30)
#: Versions up to this many rows are profiled without being asked for; larger ones by one click.
AUTO_PROFILE_MAX_ROWS = env.int("AUTO_PROFILE_MAX_ROWS", default=2_000_000)
# --- Sources --------------------------------------------------------------------------------------

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

# --- Erasure of data subjects -------------------------------------------------------------------------

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

# --- Processes ------------------------------------------------------------------------------------

#: Threads of the web process. Python runs one at a time: one is fastest under load, but a slow upload
#: or page then keeps predictions waiting.
WEB_THREADS = env.int("WEB_THREADS", default=4)
WORKER_THREADS = env.int("WORKER_THREADS", default=2)

# --- Looking at rows: filters, SQL, downloads -----------------------------------------------------

#: Memory and time for filtering and sorting the rows of a version within the web process.
ROWS_MEMORY_BYTES = env.int("ROWS_MEMORY_BYTES", default=256 * 1024**2)
ROWS_SPILL_BYTES = env.int("ROWS_SPILL_BYTES", default=4 * 1024**3)
ROWS_SECONDS = env.float("ROWS_SECONDS", default=20.0)
#: Statements run in a process of their own; each web process runs so many at once and answers 503 to more.
SQL_AT_ONCE = env.int("SQL_AT_ONCE", default=max(1, WEB_THREADS // 2))
SQL_SECONDS = env.float("SQL_SECONDS", default=20.0)
SQL_MEMORY_BYTES = env.int("SQL_MEMORY_BYTES", default=1024**3)
SQL_SPILL_BYTES = env.int("SQL_SPILL_BYTES", default=2 * 1024**3)
SQL_THREADS = env.int("SQL_THREADS", default=2)
SQL_MAX_ROWS = env.int("SQL_MAX_ROWS", default=10_000)
SQL_RESULT_BYTES = env.int("SQL_RESULT_BYTES", default=32 * 1024**2)
#: Memory and disk of the job that compares two versions.
COMPARE_MEMORY_BYTES = env.int("COMPARE_MEMORY_BYTES", default=1024**3)
COMPARE_SPILL_BYTES = env.int("COMPARE_SPILL_BYTES", default=32 * 1024**3)
DOWNLOADS_AT_ONCE = env.int("DOWNLOADS_AT_ONCE", default=max(1, WEB_THREADS // 2))

# --- Serving --------------------------------------------------------------------------------------

PREDICT_MAX_BODY_BYTES = env.int("PREDICT_MAX_BODY_BYTES", default=16 * 1024**2)
DATA_UPLOAD_MAX_MEMORY_SIZE = max(DATA_UPLOAD_MAX_MEMORY_SIZE, PREDICT_MAX_BODY_BYTES)
#: How often a web process looks for other champions, endpoints and tokens (seconds; promised: within one).
ROUTING_TICK_SECONDS = env.float("ROUTING_TICK_SECONDS", default=0.4)
PREDICT_MAX_ROWS = env.int("PREDICT_MAX_ROWS", default=10_000)
#: Requests per second that one web process answers to one token, and to all callers without one at one open
#: endpoint; more are answered 429 with Retry-After. 0: no limit. A quiet caller saves up for so many seconds.
PREDICT_RATE_PER_TOKEN = env.float("PREDICT_RATE_PER_TOKEN", default=0.0)
PREDICT_RATE_PER_OPEN_ENDPOINT = env.float("PREDICT_RATE_PER_OPEN_ENDPOINT", default=200.0)
PREDICT_BURST_SECONDS = env.float("PREDICT_BURST_SECONDS", default=2.0)
#: An answer that took longer (waiting for its turn included) is not given: 503 with Retry-After. 0: no limit.
PREDICT_TIME_LIMIT_SECONDS = env.float("PREDICT_TIME_LIMIT_SECONDS", default=30.0)
#: Instances of one request that are explained, and how often a model answers to explain them (the smaller counts).
EXPLAIN_MAX_ROWS = env.int("EXPLAIN_MAX_ROWS", default=20)
EXPLAIN_MAX_EVALUATIONS = env.int("EXPLAIN_MAX_EVALUATIONS", default=100_000)
#: Of a stream of lines: the longest line, and how many lines are answered together at most.
PREDICT_MAX_LINE_BYTES = env.int("PREDICT_MAX_LINE_BYTES", default=1024**2)
PREDICT_STREAM_BATCH = env.int("PREDICT_STREAM_BATCH", default=1000)
#: Predictions that one web process makes at the same time; more are answered 503 with Retry-After.
PREDICT_MAX_AT_ONCE = env.int("PREDICT_MAX_AT_ONCE", default=64)
#: Stretches of rows that one batch scoring computes at the same time (not for runtimes that hold Python's lock).
SCORING_THREADS = env.int("SCORING_THREADS", default=2)
#: The interpreter in which exported servers are tried: one with their framework, where the site has none. Default: its own.
EXPORT_PYTHON = env.str("EXPORT_PYTHON", default="")
#: An exported server that does not answer after so many seconds has not started.
EXPORT_START_SECONDS = env.float("EXPORT_START_SECONDS", default=120.0)
#: Requests, and instances of them, that wait for shadows in one web process; more are dropped and counted.
SHADOW_QUEUE_REQUESTS = env.int("SHADOW_QUEUE_REQUESTS", default=256)
SHADOW_QUEUE_ROWS = env.int("SHADOW_QUEUE_ROWS", default=20_000)
#: How often a web process adds what it has counted to the minutes in the database (seconds).
TRAFFIC_FLUSH_SECONDS = env.float("TRAFFIC_FLUSH_SECONDS", default=2.0)
#: Tells what really happened for a prediction (project_id, prediction_id); the room above serving knows.
GROUND_TRUTH_OF = "monitoring.selectors.ground_truth_of"
#: "project/endpoint": what answers at /invocations and /ping, as in a container of one model.
ROOT_ENDPOINT = env.str("ROOT_ENDPOINT", default="")

#: What Prometheus sends as a bearer token to /metrics; empty: there are no metrics.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- REST API -------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerTokenAuthentication",
        "accounts.api.authentication.ProjectSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.HasProjectPermission"],
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.Pagination",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "core.api.ordering.ChosenOrderingFilter",
    ],
    "DEFAULT_RENDERER_CLASSES": ["core.api.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "core.api.parsers.StrictJSONParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "core.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MLOps site",
    "DESCRIPTION": (
        "The whole life cycle of scikit-learn models: datasets, training, gates, registry, "
        "serving, monitoring and retraining."
    ),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "JobStatusEnum": "jobs.models.JobStatus",
        "DatasetVersionStatusEnum": "datasets.models.VersionStatus",
        "VersionComparisonStatusEnum": "datasets.models.ComparisonStatus",
        "ErasureStatusEnum": "datasets.models.ErasureStatus",
        "GrantLevelEnum": "datasets.models.GrantLevel",
        "RunStatusEnum": "experiments.models.RunStatus",
        "ModelVersionStatusEnum": "models_registry.models.VersionStatus",
        "ValidationEnum": "models_registry.models.Validation",
        "TaskEnum": "models_registry.models.Task",
        "GateKindEnum": "models_registry.models.Gate.Kind",
        "ApprovalStatusEnum": "models_registry.models.ApprovalRequest.Status",
        "EndpointStatusEnum": "serving.models.Endpoint.Status",
        "SourceKindEnum": "datasets.models.SourceKind",
        "SourceModeEnum": "datasets.models.SourceMode",
        "SourceRunOutcomeEnum": "datasets.models.RunOutcome",
        "ExportKindEnum": "serving.models.ModelExport.Kind",
        "ExportServerEnum": "serving.models.ModelExport.Server",
        "ExportStatusEnum": "serving.models.ModelExport.Status",
        "RolloutStatusEnum": "serving.models.Rollout.Status",
        "RolloutVerdictEnum": "serving.models.RolloutJudgement.Verdict",
        "FallbackEnum": "serving.models.Endpoint.Fallback",
        "DriftVerdictEnum": "monitoring.models.Verdict",
        "AlertStatusEnum": "monitoring.models.AlertStatus",
        "AlertKindEnum": "monitoring.models.Alert.Kind",
        "RetrainVerdictEnum": "retraining.models.RetrainVerdict",
        "RetrainTriggerEnum": "retraining.models.Trigger",
        "RoleEnum": "accounts.models.Role",
        "ColumnRoleEnum": "datasets.schema.Role",
        "CheckVerdictEnum": "datasets.models.Verdict",
        "CheckSeverityEnum": "datasets.models.Severity",
        "CheckKindEnum": "datasets.models.checks.KIND_CHOICES",
        "ScopeEnum": "accounts.models.Scope",
    },
}

# --- Admin ----------------------------------------------------------------------------------------

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "MLOps site",
    "SITE_HEADER": "MLOps site",
    "SITE_SUBHEADER": "The model life cycle",
    "SITE_URL": None,
    "SITE_SYMBOL": "deployed_code",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}site/favicon.svg"}
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "mlops_site.dashboard.dashboard_context",
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
}

# --- Logs -----------------------------------------------------------------------------------------

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
