"""Writes of the serving room that a person or a client asks for."""

from serving.services.endpoints import (
    change_endpoint,
    create_endpoint,
    roll_back_endpoint,
    start_endpoint,
    stop_endpoint,
)
from serving.services.scoring import score_dataset_version

__all__ = [
    "change_endpoint",
    "create_endpoint",
    "roll_back_endpoint",
    "score_dataset_version",
    "start_endpoint",
    "stop_endpoint",
]
