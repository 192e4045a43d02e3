"""Where settings are read from: the environment, and ``.env`` beside ``manage.py``."""

from __future__ import annotations

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent.parent

env = environ.Env()
env.smart_cast = False
environ.Env.read_env(env.str("MLOPS_ENV_FILE", default=str(BASE_DIR / ".env")))

PRODUCTION = env.bool("PRODUCTION", default=False)
DEBUG = env.bool("DEBUG", default=False)
