"""What a web process keeps in memory to answer predictions: routes with their loaded models, and tokens."""

from __future__ import annotations

from serving.routing.process import forget_routing, routing
from serving.routing.routes import Route
from serving.routing.state import Routing
from serving.routing.statistics import Key, Statistics
from serving.routing.traffic import Traffic

__all__ = ["Key", "Route", "Routing", "Statistics", "Traffic", "forget_routing", "routing"]
