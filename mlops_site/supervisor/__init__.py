"""The supervisor behind ``up``: all processes of the site, started and stopped as one thing."""

from __future__ import annotations
