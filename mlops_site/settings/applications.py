"""The rooms, what stands between them and a request, language and time."""

from __future__ import annotations

from mlops_site.settings.environment import BASE_DIR, env

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
    "django.contrib.humanize",
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
    "core.middleware.NoNulInPathMiddleware",
    "core.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "mlops_site.urls"
#: A scorer (``MLOPS_PROCESS=scorer``) is the site without what is there for people, and the memory that it takes.
if env.str("MLOPS_PROCESS", default="") == "scorer":
    _FOR_PEOPLE = ("unfold", "django.contrib.admin", "django.contrib.messages", "drf_spectacular")
    _OF_PAGES = (
        *("whitenoise.", "django.contrib.sessions.", "django.contrib.messages."),
        *("django.contrib.auth.", "django.middleware.csrf.", "django.middleware.clickjacking."),
    )
    INSTALLED_APPS = [name for name in INSTALLED_APPS if not name.startswith(_FOR_PEOPLE)]
    MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith(_OF_PAGES)]
    ROOT_URLCONF = "mlops_site.scorer_urls"
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

LANGUAGE_CODE = "en-us"
USE_TZ = True
TIME_ZONE = "UTC"
