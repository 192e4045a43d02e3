"""Settings of the tests: the product's own, with a home that is thrown away."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

if "MLOPS_HOME" not in os.environ:
    os.environ["MLOPS_HOME"] = tempfile.mkdtemp(prefix="mlops-test-")
    atexit.register(shutil.rmtree, os.environ["MLOPS_HOME"], ignore_errors=True)
os.environ.setdefault("SECRET_KEY", "a-key-for-tests-only-" + "x" * 50)

from mlops_site.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True
STORAGES["staticfiles"] = {  # noqa: F405
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
JOB_HEARTBEAT_SECONDS = 1.0
# No thread that outlives a test: routes are looked at with each request.
ROUTING_TICK_SECONDS = 0.0
