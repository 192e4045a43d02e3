"""Refusals: the one family of errors that a caller may see.

A refusal says *what* is wrong in the user's words, names the field, and knows nothing of HTTP. Transports
(REST, admin, MLflow wire) render it in their own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar


class ErrorKind(Enum):
    """What sort of refusal it is; transports map this to their own status."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    INVALID = "invalid"
    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One complaint about one field; ``field`` is a path such as ``params.max_depth``."""

    field: str
    message: str


class DomainError(Exception):
    """A refusal with a stable ``code`` and a human text.

    Parameters
    ----------
    message
        What is wrong and, where it is known, what would be right. Shown to the user as it is.
    field
        The input field that is to blame.
    errors
        Several complaints at once, each naming its field.
    details
        Further facts for machines (JSON-compatible values).
    """

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused"
    kind: ClassVar[ErrorKind] = ErrorKind.INVALID

    def __init__(
        self,
        message: str = "",
        *,
        field: str | None = None,
        errors: Sequence[FieldError] = (),
        **details: Any,
    ) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        self.field = field
        self.errors: tuple[FieldError, ...] = tuple(errors)
        if field is not None and not self.errors:
            self.errors = (FieldError(field, self.message),)
        self.details = details


class Invalid(DomainError):
    """The input is well-formed, but its content cannot be accepted."""

    code = "invalid"
    title = "The input is not valid"
    kind = ErrorKind.INVALID


class Malformed(DomainError):
    """The input cannot be read at all."""

    code = "malformed"
    title = "The input cannot be read"
    kind = ErrorKind.MALFORMED


class Unauthenticated(DomainError):
    """Nobody, or nobody that we know, is asking."""

    code = "unauthenticated"
    title = "Authentication is needed"
    kind = ErrorKind.UNAUTHENTICATED


class Forbidden(DomainError):
    """The caller is known, but may not do this."""

    code = "forbidden"
    title = "This is not allowed"
    kind = ErrorKind.FORBIDDEN


class NotFound(DomainError):
    """There is no such thing, or the caller may not know of it."""

    code = "not_found"
    title = "Not found"
    kind = ErrorKind.NOT_FOUND


class Conflict(DomainError):
    """The request does not fit the present state."""

    code = "conflict"
    title = "The request conflicts with the present state"
    kind = ErrorKind.CONFLICT


class IllegalMove(Conflict):
    """A state machine does not know the move that was asked for."""

    code = "illegal_move"
    title = "This move is not possible in the present state"


class TooLarge(DomainError):
    """The input passes a stated limit."""

    code = "too_large"
    title = "The input is too large"
    kind = ErrorKind.TOO_LARGE


class Unsupported(DomainError):
    """The format or media type is not one that is understood here."""

    code = "unsupported"
    title = "This format is not supported"
    kind = ErrorKind.UNSUPPORTED


class TooMany(DomainError):
    """The caller asks too often."""

    code = "too_many"
    title = "Too many requests"
    kind = ErrorKind.TOO_MANY


class Unavailable(DomainError):
    """It would be possible, but not just now."""

    code = "unavailable"
    title = "Not available right now"
    kind = ErrorKind.UNAVAILABLE
