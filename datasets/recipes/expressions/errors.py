"""What may be wrong with a formula."""

from __future__ import annotations


class ExpressionError(ValueError):
    """A formula that cannot be read, with the place.

    Parameters
    ----------
    position
        Counts characters from 1.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (character {position})")
        self.position = position
