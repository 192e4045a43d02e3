"""What a web process keeps in memory to answer predictions: routes with their loaded models, and tokens."""

from __future__ import annotations

from serving.routing.routes import Route
from serving.routing.state import Routing, forget_routing, routing
from serving.routing.statistics import Key, Statistics

__all__ = ["Key", "Route", "Routing", "Statistics", "forget_routing", "routing"]
