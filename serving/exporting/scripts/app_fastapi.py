"""The model behind FastAPI: ``application`` is what an ASGI server runs; ``python serve.py`` does it with granian."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))

from serving.standalone import Application, load_model  # noqa: E402
from serving.standalone.fastapi_server import fastapi_application  # noqa: E402

application = fastapi_application(
    Application(load_model(ROOT), token=os.environ.get("API_TOKEN", ""))
)
