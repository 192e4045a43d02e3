"""The one model that an exported server answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import NotFound
from core.ids import uuid7_texts
from models_registry.decisions import rule_on
from models_registry.runtimes import Runtime
from models_registry.signatures import Signature
from serving.prediction_log.scores import write_scores
from serving.protocols import Answered, Codec, Envelope, Origin, Payload
from serving.protocols.exchange import read_rows, write_answer


class ModelUnknown(NotFound):
    """The server answers for another model, or another version."""

    code = "version_not_served"
    title = "This version does not answer here"


@dataclass(frozen=True, slots=True)
class StandaloneModel:
    """A model version in memory, and what its answers say of it.

    Attributes
    ----------
    name
        The name in addresses: what the site calls an endpoint.
    described
        ``{"id", "model", "number"}`` of the version, as native answers say it.
    most_bytes, most_rows
        Limits of one request.
    threshold
        Where decisions are made when a request asks for them and names no threshold of its own.
    """

    name: str
    version_number: int
    described: Mapping[str, Any]
    signature: Signature
    runtime: Runtime
    runtime_name: str
    most_bytes: int
    most_rows: int
    threshold: float | None = None

    def check_name(self, name: str, version: int | None) -> None:
        """Refuse a request that names another model or version.

        Raises
        ------
        ModelUnknown
            It does.
        """
        if name != self.name:
            raise ModelUnknown(
                f"There is no model '{name}' here; this server answers '{self.name}'."
            )
        if version is not None and version != self.version_number:
            raise ModelUnknown(f"Model {name} with version v{version} not found")

    def answer(self, envelope: Envelope, codec: Codec) -> Payload:
        """Return the answer to a request in one of the dialects.

        Raises
        ------
        DomainError
            The body does not fit the signature or the limits, or asks for decisions that cannot be made.
        """
        decoded = read_rows(
            envelope, codec, self.signature, most_bytes=self.most_bytes, most_rows=self.most_rows
        )
        scores = self.runtime.predict(decoded.columns)
        answered = Answered(
            origin=Origin(self.name, self.version_number, self.described, self.signature),
            scores=scores,
            written=write_scores(scores),
            prediction_ids=uuid7_texts(decoded.columns.row_count),
            ruling=rule_on(decoded.threshold, self.threshold, self.signature, scores),
        )
        return write_answer(codec, decoded, answered)
