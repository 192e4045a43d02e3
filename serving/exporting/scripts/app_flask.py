"""The model behind Flask: ``application`` is what a WSGI server runs; ``python serve.py`` does it with granian."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))

from serving.standalone import Application, load_model  # noqa: E402
from serving.standalone.flask_server import flask_application  # noqa: E402

application = flask_application(
    Application(load_model(ROOT), token=os.environ.get("API_TOKEN", ""))
)
