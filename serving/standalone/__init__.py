"""A server for one model version, away from the site: the same codecs and runtimes, no database, no Django.

An exported bundle carries a copy of this package and of what it imports (``serving/exporting/sources.py``), so
that its answers are those of the site. A web framework is a thin coat around :class:`Application`.
"""

from __future__ import annotations

from serving.standalone.application import Application, Asked
from serving.standalone.digests import BundleDamaged, check_digests
from serving.standalone.files import load_model
from serving.standalone.model import StandaloneModel

__all__ = [
    "Application",
    "Asked",
    "BundleDamaged",
    "StandaloneModel",
    "check_digests",
    "load_model",
]
