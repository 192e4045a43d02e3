"""What the demo says when it cannot go on."""

from __future__ import annotations


class DemoFailedError(Exception):
    """A step of the demo did not succeed; the message says which, and why."""
