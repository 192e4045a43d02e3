"""The picture of a comparison: two bettors' wealth against the threshold."""

from retraining.wealth_chart.drawing import Tick, WealthChart, draw

__all__ = ["Tick", "WealthChart", "draw"]
