"""The storage of artifacts, and the static files of the pages."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from mlops_site.settings.environment import BASE_DIR, env
from mlops_site.settings.places import BLOBS_ROOT, MLOPS_HOME

#: S3, or what speaks like it: for a lake or artifacts at s3://…; without a key, the machine's own (AWS_*).
OBJECT_STORAGE = {
    "endpoint_url": env.str("S3_ENDPOINT_URL", default=""),
    "region": env.str("S3_REGION", default="us-east-1"),
    "access_key_id": env.str("S3_ACCESS_KEY_ID", default=""),
    "secret_access_key": env.str("S3_SECRET_ACCESS_KEY", default=""),
}

#: Where artifacts are kept when not in BLOBS_ROOT: s3://bucket/prefix.
ARTIFACTS_URL = env.str("ARTIFACTS_URL", default="")

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
