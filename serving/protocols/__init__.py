"""Dialects: codecs around the one columnar request.

A codec adds no meaning: names, types and nulls are those of the signature, and every dialect gives the same answer to
the same instance.
"""

from __future__ import annotations

from serving.prediction_log.features import FeatureBlock
from serving.protocols.addresses import MLFLOW, NATIVE, OPEN_INFERENCE, Address, scoring_address
from serving.protocols.base import Answered, Codec, Decoded, Envelope, Explained, Origin, Payload

__all__ = [
    "MLFLOW",
    "NATIVE",
    "OPEN_INFERENCE",
    "Address",
    "Answered",
    "Codec",
    "Decoded",
    "Envelope",
    "Explained",
    "FeatureBlock",
    "Origin",
    "Payload",
    "scoring_address",
]
