"""The model without any framework, as plain WSGI: ``python serve.py --plain``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))

from serving.standalone import Application, load_model  # noqa: E402
from serving.standalone.wsgi import wsgi_application  # noqa: E402

application = wsgi_application(Application(load_model(ROOT), token=os.environ.get("API_TOKEN", "")))
