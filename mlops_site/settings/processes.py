"""Processes and their threads."""

from __future__ import annotations

from mlops_site.settings.environment import env

#: Threads of the web process. Python runs one at a time, so few; but more than one, so that a slow upload or page
#: does not keep the others waiting.
WEB_THREADS = env.int("WEB_THREADS", default=4)
#: Threads of a scorer, which answers nothing but predictions: one is fastest. A model whose runtime is ``native``,
#: or large requests only, are answered faster by several.
SCORER_THREADS = env.int("SCORER_THREADS", default=1)
WORKER_THREADS = env.int("WORKER_THREADS", default=2)
#: The shipper takes only what other processes leave of the processors, until predictions have waited for so long.
SHIPPER_PATIENCE_SECONDS = env.float("SHIPPER_PATIENCE_SECONDS", default=30.0)
