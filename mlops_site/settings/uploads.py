"""How large an upload may be, and how large a request."""

from __future__ import annotations

from mlops_site.settings.environment import env
from mlops_site.settings.serving import PREDICT_MAX_BODY_BYTES

UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=8 * 1024**3)
#: An uploaded model, and the process that opens it for the first time.
MODEL_UPLOAD_MAX_BYTES = env.int("MODEL_UPLOAD_MAX_BYTES", default=256 * 1024**2)
MODEL_SANDBOX_MEMORY_BYTES = env.int("MODEL_SANDBOX_MEMORY_BYTES", default=2 * 1024**3)
MODEL_SANDBOX_SECONDS = env.float("MODEL_SANDBOX_SECONDS", default=60.0)
DATA_UPLOAD_MAX_MEMORY_SIZE = max(16 * 1024**2, PREDICT_MAX_BODY_BYTES)
#: The page of a schema sends ten fields for each of up to 2,000 columns.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 25_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024**2
