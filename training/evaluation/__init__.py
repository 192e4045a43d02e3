"""The data of pictures about held-out rows."""

from __future__ import annotations

from training.evaluation.plots import anomaly_plots, plots_of

__all__ = ["anomaly_plots", "plots_of"]
