"""What a reader is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from datasets.schema import ColumnType

MAX_ITEMS = 10_000
"""Most files that one source may name."""


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting of a kind of source, as forms and the API show it.

    Attributes
    ----------
    is_secret
        Kept encrypted and never shown again.
    binds_secrets
        It says who gets to see the secrets: they must be entered again when it changes.
    """

    name: str
    label: str
    help: str = ""
    is_required: bool = False
    is_secret: bool = False
    is_long: bool = False
    binds_secrets: bool = False


@dataclass(frozen=True, slots=True)
class Watermark:
    """The highest value of a column that was read so far; only rows beyond it are new.

    Examples
    --------
    >>> Watermark.from_dict({"type": "integer", "value": 7}).python
    7
    """

    type: ColumnType
    value: int | float | str

    @property
    def python(self) -> int | float | str | datetime:
        """The value as Python has it; moments in UTC."""
        if self.type is ColumnType.TIMESTAMP:
            return datetime.fromisoformat(str(self.value))
        return self.value

    @property
    def arrow(self) -> pa.Scalar:
        """The value as Arrow has it."""
        return pa.scalar(self.python, self.type.arrow)

    def to_dict(self) -> dict[str, Any]:
        """Return the form that is kept in the database."""
        return {"type": self.type.value, "value": self.value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Watermark:
        """Return what :meth:`to_dict` described."""
        return cls(ColumnType(data["type"]), data["value"])

    @classmethod
    def of(cls, type_: ColumnType, value: Any) -> Watermark:
        """Return the watermark at a value that was read."""
        return cls(type_, value.isoformat() if isinstance(value, datetime) else value)


def _silent(fraction: float, stage: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What a reader needs to know.

    Attributes
    ----------
    scratch
        A folder for what is fetched; the caller removes it.
    watermark_column, after
        Where both are given, only rows beyond the watermark are wanted. A reader may leave others out; which rows
        are beyond is decided on what it brings, by the comparison that finds the next watermark.
    seen
        Files of earlier runs (name to identity) that are not wanted again.
    first_rows
        Set for a look: one file, or so many rows, will do.
    progress
        Told the share that has been fetched; what it raises stops the work.
    """

    project_id: int
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    scratch: Path
    watermark_column: str = ""
    after: Watermark | None = None
    seen: Mapping[str, str] = field(default_factory=dict)
    first_rows: int | None = None
    progress: Callable[[float, str], None] = _silent

    def new_items(self, items: list[Item]) -> list[Item]:
        """Return the items that earlier runs have not read; the first one only, for a look."""
        fresh = [item for item in items if self.seen.get(item.name) != item.identity]
        return fresh if self.first_rows is None else fresh[:1]


@dataclass(frozen=True, slots=True)
class Item:
    """A file or object that the source names; ``identity`` changes when its content does."""

    name: str
    size_bytes: int | None
    identity: str


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that can be opened now."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a reader brought.

    Attributes
    ----------
    address
        Where it is from, without secrets.
    items
        All that the source names at present; empty for sources that are no files.
    files
        What is to be read, in this order.
    """

    address: str
    files: tuple[FetchedFile, ...]
    items: tuple[Item, ...] = ()


class SourceReader(Protocol):
    """One kind of source."""

    label: str
    fields: tuple[SettingField, ...]

    def check(
        self, *, project_id: int, settings: Mapping[str, str], secrets: Mapping[str, str]
    ) -> None:
        """Refuse settings that can never work or are not allowed; no connection is made.

        Raises
        ------
        DomainError
            Naming the setting.
        """
        ...

    def address(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
        """Return where the rows are from, without secrets."""
        ...

    def fetch(self, request: SourceRequest) -> Fetched:
        """Bring what is new.

        Raises
        ------
        DomainError
            It cannot be reached or is not allowed.
        """
        ...
