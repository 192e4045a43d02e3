"""The WSGI application: the fast lane for predictions, in front of Django."""

from __future__ import annotations

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlops_site.settings")

_django = get_wsgi_application()

from core import tracing
from serving.fastlane import FastLane

tracing.start("mlops-web")

application = FastLane(_django)

# What is loaded now stays. The collector need not look at it again, and then finds what requests leave behind (with
# their bodies) sooner.
gc.collect()
gc.freeze()
