"""The steps of a prediction that are the same wherever it is made: in the site, and in a server that was exported."""

from __future__ import annotations

from core.errors import DomainError, ErrorKind, Invalid, TooLarge, Unsupported
from core.problems import domain_problem, internal_problem
from models_registry.signatures import Signature
from serving.protocols.addresses import NATIVE
from serving.protocols.base import Answered, Codec, Decoded, Envelope, Payload

#: The header that carries the ids of the predictions in dialects whose bodies have no place for them.
IDS_HEADER = "X-Prediction-Ids"
UNSEEN_HEADER = "X-Unseen-Categories"
_MOST_IDS_IN_HEADER = 100


def read_rows(
    envelope: Envelope,
    codec: Codec,
    signature: Signature,
    *,
    most_bytes: int,
    most_rows: int,
    explains: bool = False,
) -> Decoded:
    """Return the rows of a request.

    Parameters
    ----------
    explains
        Whether whoever answers can say why, too.

    Raises
    ------
    DomainError
        The media type is not read, the body is too large, or does not fit the signature; an explanation is
        asked for where there are none.
    """
    if not codec.accepts(envelope.content_type):
        raise Unsupported(
            f"The media type '{envelope.content_type or 'none'}' is not read here.",
            field="Content-Type",
        )
    if len(envelope.body) > most_bytes:
        raise body_too_large(most_bytes)
    decoded = codec.decode(envelope, signature, most_rows=most_rows)
    if decoded.wants_explanations and not explains:
        raise Invalid("Answers are not explained here.", field="explain")
    return decoded


def write_answer(codec: Codec, decoded: Decoded, answered: Answered) -> Payload:
    """Return the answer; headers say what the body of a foreign dialect has no place for."""
    payload = codec.encode(decoded, answered)
    if codec is NATIVE:
        return payload
    headers = list(payload.headers)
    if len(answered.prediction_ids) <= _MOST_IDS_IN_HEADER:
        headers.append((IDS_HEADER, ",".join(answered.prediction_ids)))
    unseen = len(decoded.columns.unseen)
    if unseen:
        headers.append((UNSEEN_HEADER, str(unseen)))
    return payload._replace(headers=tuple(headers))


def refusal(error: DomainError, codec: Codec = NATIVE) -> Payload:
    """Return a refusal in the words of a dialect."""
    made = codec.refusal(domain_problem(error))
    headers: list[tuple[str, str]] = list(made.headers)
    if error.kind in (ErrorKind.UNAVAILABLE, ErrorKind.TOO_MANY):
        headers.append(("Retry-After", str(error.details.get("retry_after", 1))))
    if error.kind is ErrorKind.UNAUTHENTICATED:
        headers.append(("WWW-Authenticate", "Bearer"))
    return made._replace(headers=tuple(headers))


def failure(codec: Codec = NATIVE) -> Payload:
    """Return what a caller learns of a failure on our side; the log knows more."""
    return codec.refusal(internal_problem())


def body_too_large(most_bytes: int) -> TooLarge:
    """Return the refusal of a body that is larger than the limit."""
    return TooLarge(f"The body is larger than {most_bytes:,} bytes.", field="body")
