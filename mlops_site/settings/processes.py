"""Processes and their threads."""

from __future__ import annotations

from mlops_site.settings.environment import env

#: Threads of the web process. Python runs one at a time: one is fastest under load, but a slow upload
#: or page then keeps predictions waiting.
WEB_THREADS = env.int("WEB_THREADS", default=4)
WORKER_THREADS = env.int("WORKER_THREADS", default=2)
