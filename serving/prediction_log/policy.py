"""What an endpoint's log keeps: of which share of the requests, and of which columns."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from models_registry.signatures import Columns
from serving.prediction_log.features import FeatureBlock, instances_of

DROP = "drop"
HASH = "hash"
WAYS = (DROP, HASH)
_HASH_DIGITS = 24
#: Of fewer rows the text is written faster than columns are.
_MANY_ROWS = 16


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """What is kept.

    Attributes
    ----------
    share
        0 to 1: how many of the requests are kept.
    redaction
        By column ``drop`` (it is not there) or ``hash`` (a keyed SHA-256 of its value: equal values stay equal,
        none can be read or guessed without the key).
    key
        Of the hash.
    hides_entity
        Whether the entity key is left out, because it is the value of a redacted column.
    """

    share: float = 1.0
    redaction: Mapping[str, str] = field(default_factory=dict)
    key: bytes = b""
    hides_entity: bool = False

    def takes(self) -> bool:
        """Decide by chance whether a request is kept."""
        return self.share >= 1.0 or random.random() < self.share

    def kept(
        self,
        given: Sequence[Mapping[str, Any]] | FeatureBlock | None,
        columns: Columns,
        body: bytes | None,
    ) -> tuple[Sequence[Mapping[str, Any]] | FeatureBlock | None, bytes | None]:
        """Return the instances, and the body that has them, as the log shall keep them; one of the two is None.

        Parameters
        ----------
        given
            The instances as they were read; None when they are those of the body.
        columns
            The same, checked.
        """
        if self.redaction:
            return self.redacted(instances_of(given, body)), None
        if given is None and columns.row_count >= _MANY_ROWS and FeatureBlock.tells_all(columns):
            return FeatureBlock.of(columns), None
        return given, body

    def redacted(
        self, instances: Sequence[Mapping[str, Any]] | FeatureBlock
    ) -> Sequence[Mapping[str, Any]] | FeatureBlock:
        """Return instances as the log may keep them."""
        if not self.redaction:
            return instances
        records = instances.records() if isinstance(instances, FeatureBlock) else instances
        return [
            {
                name: self.hashed(value) if name in self.redaction else value
                for name, value in record.items()
                if self.redaction.get(name) != DROP
            }
            for record in records
        ]

    def hashed(self, value: Any) -> str | None:
        """Return what stands in the log for a value that is redacted by ``hash``."""
        if value is None:
            return None
        said = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
        return hmac.new(self.key, said, hashlib.sha256).hexdigest()[:_HASH_DIGITS]


KEEP_ALL = LogPolicy()
