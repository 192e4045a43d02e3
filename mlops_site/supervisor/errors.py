"""Why the site cannot be started here."""

from __future__ import annotations


class CannotStart(Exception):
    """The site cannot be started; the text says why and what to do about it."""


class StopRequested(Exception):
    """Somebody asked the site to end while it was still starting."""
