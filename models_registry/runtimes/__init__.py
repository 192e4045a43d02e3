"""Ways to compute a version's answers: scikit-learn itself, and faster ones that are proved equal to it.

Here is what all of them have in common. The others are imported from their modules: who only answers with a model
that needs no scikit-learn (:mod:`models_registry.runtimes.plans`) does not load it.
"""

from __future__ import annotations

from models_registry.runtimes.base import CannotRun, Runtime, Scores

__all__ = ["CannotRun", "Runtime", "Scores"]
