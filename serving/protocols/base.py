"""What every dialect does: bytes to rows, answers to bytes, refusals in its own words."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from core.errors import Invalid, TooLarge
from models_registry.decisions import Ruling
from models_registry.signatures import BodyMalformed, Columns, Signature
from serving.prediction_log.features import FeatureBlock, instances_of
from serving.prediction_log.scores import WrittenScores

if TYPE_CHECKING:
    from models_registry.explanations import Explanation
    from models_registry.runtimes import Scores


class Envelope(NamedTuple):
    """A request as the transport received it.

    Attributes
    ----------
    content_type
        In lower case and without spaces; empty when there was none.
    json_bytes
        Length of the JSON part before binary tensors (header ``Inference-Header-Content-Length``); None
        when the whole body is one part.
    """

    body: bytes
    content_type: str = ""
    json_bytes: int | None = None


class Payload(NamedTuple):
    """A body with what must be said about it."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Decoded(NamedTuple):
    """Rows that fit the signature, and what else the caller asked for.

    Attributes
    ----------
    given
        The rows as they go into the prediction log; None when they are those of ``body``.
    asked
        What the dialect needs again for the answer.
    body
        The JSON object that has these very instances under the key ``instances``, when they came in such a one.
    threshold
        True, where decisions at the usual threshold were asked for; a number for another one; None for none.
    wants_explanations
        Whether the caller asked why, too.
    """

    columns: Columns
    given: Sequence[Mapping[str, Any]] | FeatureBlock | None
    asked: Any = None
    body: bytes | None = None
    threshold: bool | float | None = None
    wants_explanations: bool = False

    @property
    def instances(self) -> Sequence[Mapping[str, Any]] | FeatureBlock:
        """The rows as they go into the prediction log."""
        return instances_of(self.given, self.body)


@dataclass(frozen=True, slots=True)
class Explained:
    """Why the rows got their answers.

    Attributes
    ----------
    facts
        How it was found out, and what that cost: ``method``, ``quantity``, ``exact``, ``reference_rows``,
        ``evaluations_per_row``.
    """

    rows: Sequence[Explanation]
    facts: Mapping[str, Any]

    def content(self) -> dict[str, Any]:
        """Return what is said about it in an answer."""
        rows: list[dict[str, Any]] = []
        for row in self.rows:
            said: dict[str, Any] = {} if row.label is None else {"class": row.label}
            said["baseline"] = row.baseline
            said["output"] = row.output
            said["contributions"] = row.contributions
            rows.append(said)
        return {"explanations": rows, "explained_by": self.facts}


@dataclass(frozen=True)
class Origin:
    """Who gives answers.

    Attributes
    ----------
    version_number
        The number of the version within its registered model.
    described
        ``{"id", "model", "number"}`` of the version, as native answers say it.
    """

    endpoint_name: str
    version_number: int
    described: Mapping[str, Any]
    signature: Signature

    @cached_property
    def classes_text(self) -> bytes:
        """The classes in JSON, as a member of an object that has others before it."""
        return b',"classes":' + orjson.dumps(self.signature.classes)

    @cached_property
    def described_text(self) -> bytes:
        """The version and the endpoint in JSON, likewise."""
        version, endpoint = orjson.dumps(dict(self.described)), orjson.dumps(self.endpoint_name)
        return b',"model_version":' + version + b',"endpoint":' + endpoint


class Answered(NamedTuple):
    """Answers, and who gave them.

    Attributes
    ----------
    written
        The scores in JSON.
    ruling
        The decisions, where they were asked for.
    """

    origin: Origin
    scores: Scores
    written: WrittenScores
    prediction_ids: Sequence[str]
    ruling: Ruling | None = None
    explained: Explained | None = None


class Codec(Protocol):
    """One dialect's way to ask for predictions; no state, no Django."""

    @property
    def name(self) -> str:
        """The name of the dialect, as metrics show it."""
        ...

    def accepts(self, content_type: str) -> bool:
        """Whether bodies of this media type (lower case, without spaces) are read."""
        ...

    def decode(self, envelope: Envelope, signature: Signature, *, most_rows: int) -> Decoded:
        """Return the rows of a request.

        Raises
        ------
        DomainError
            The body cannot be read, does not fit the signature, or holds too many rows.
        """
        ...

    def encode(self, decoded: Decoded, answered: Answered) -> Payload:
        """Return the answer."""
        ...

    def refusal(self, problem: Mapping[str, Any]) -> Payload:
        """Return a refusal, given as a problem document, in the words of the dialect."""
        ...


def read_threshold(value: Any, *, field: str = "threshold") -> bool | float | None:
    """Return what a caller asks of decisions: True, a number, or None.

    Raises
    ------
    BodyMalformed
        It is neither a truth value nor a number.
    """
    if value is None or value is False:
        return None
    if value is True:
        return True
    # An integer may be larger than any double; comparing the two is exact.
    if isinstance(value, int | float) and abs(value) <= sys.float_info.max:
        return float(value)
    raise BodyMalformed("true, or a number, was expected.", field=field)


def check_row_count(count: int, most_rows: int, *, field: str) -> None:
    """Refuse a request without rows, and one with more than are answered at once.

    Raises
    ------
    Invalid, TooLarge
        There is none; there are too many.
    """
    if count == 0:
        raise Invalid("Send at least one instance.", field=field)
    if count > most_rows:
        raise TooLarge(
            f"{count:,} instances; at most {most_rows:,} are answered at once.", field=field
        )


def client_status(status: int) -> int:
    """Return a refusal's status for dialects that know 400 only where we tell 422 apart."""
    return 400 if status == 422 else status
