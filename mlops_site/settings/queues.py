"""Redis, and Celery upon it."""

from __future__ import annotations

from mlops_site.settings.environment import env
from mlops_site.settings.places import MLOPS_HOME


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
