"""Keys, hosts, cookies, passwords."""

from __future__ import annotations

import secrets

from django.core.exceptions import ImproperlyConfigured

from mlops_site.settings.environment import PRODUCTION, env
from mlops_site.settings.places import MLOPS_HOME


def _secret_key() -> str:
    """Return the configured key, else the generated one that is kept (0600) in ``MLOPS_HOME``."""
    configured: str = env.str("SECRET_KEY", default="")
    if configured:
        return configured
    key_file = MLOPS_HOME / "secret-key"
    if not key_file.exists():
        if PRODUCTION:
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
