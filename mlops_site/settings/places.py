"""Where things are kept: below one folder, unless something else is said."""

from __future__ import annotations

from pathlib import Path

from mlops_site.settings.environment import BASE_DIR, env

MLOPS_HOME = Path(env.str("MLOPS_HOME", default=str(BASE_DIR / "var"))).resolve()
LAKE_ROOT = env.str("LAKE_ROOT", default=str(MLOPS_HOME / "lake"))
BLOBS_ROOT = MLOPS_HOME / "blobs"
UPLOADS_ROOT = MLOPS_HOME / "uploads"
SCRATCH_ROOT = MLOPS_HOME / "scratch"
JOB_LOG_ROOT = MLOPS_HOME / "logs" / "jobs"
PREDICTION_LOG_ROOT = MLOPS_HOME / "prediction-log"
#: Shards of batch scorings that are not done yet; shared by all workers, else a second attempt begins anew.
SCORING_ROOT = MLOPS_HOME / "scoring"
