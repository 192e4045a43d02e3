"""The data of pictures about held-out rows."""

from __future__ import annotations

from training.evaluation.plots import plots_of

__all__ = ["plots_of"]
