"""Settings of a whole site that a fault test starts: the test's database, the product's own rooms, jobs and schedules."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE_NAME"]  # noqa: F405
ROUTING_TICK_SECONDS = 0.4
