"""Text as a fixed number of columns."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn
from datasets.recipes.steps.base import Step
from datasets.recipes.values import Kind, Values

_WORD = re.compile(r"\w+")
#: Of a longer text only the beginning is hashed.
MOST_CHARACTERS = 20_000


class TextHash(Step):
    """Count the words of a text in a fixed number of columns: ``note#0``, ``note#1`` and so on.

    The hashing trick (Weinberger et al., 2009, "Feature hashing for large scale multitask learning"): CRC-32 of
    a word's UTF-8 chooses the column (remainder) and the sign (highest bit), so collisions cancel on average.
    Words are compared in small letters; ``characters`` takes all runs of three letters instead; ``whole`` takes
    the text as one word, for categories without end. Nothing is learnt, so no word is unseen. A missing text is
    0 everywhere. No more than 20,000 characters of a text are looked at.
    """

    kind = "text_hash"
    title = "Text hashing"
    parameters = (
        Parameter("columns", "columns", "The text columns."),
        Parameter("buckets", "integer", "Columns for each of them.", 32, low=2, high=1024),
        Parameter(
            "tokens", "choice", "What is counted.", "words", ("words", "characters", "whole")
        ),
    )
    example: ClassVar[Mapping[str, Any]] = {"columns": ["note"], "buckets": 16}

    def __init__(
        self, columns: Sequence[str] = (), buckets: int = 32, tokens: str = "words"
    ) -> None:
        self.columns = columns
        self.buckets = buckets
        self.tokens = tokens

    def plan(self, before: Plan, position: int) -> Plan:
        found = before.find_of(self.columns, "columns", Kind.TEXT)
        made = {}
        for name, one in zip(self.columns, found, strict=True):
            for bucket in range(self.buckets):
                before.add_name(f"{name}#{bucket}", "columns")
                made[f"{name}#{bucket}"] = PlannedColumn(Kind.NUMBER, one.sources, position)
        return before.changed(made, without=self.columns)

    def apply(self, values: Values) -> Values:
        made = {}
        for name in self.columns:
            counts = np.zeros((values.row_count, self.buckets), dtype=np.float64)
            for row, text in enumerate(values.columns[name]):
                for token in self._tokens_of(text):
                    code = zlib.crc32(token.encode("utf-8", "surrogatepass"))
                    counts[row, code % self.buckets] += 1.0 if code < 2**31 else -1.0
            made.update({f"{name}#{bucket}": counts[:, bucket] for bucket in range(self.buckets)})
        return values.with_columns(made, without=self.columns)

    def _tokens_of(self, text: str) -> Iterator[str]:
        if not text:
            return
        lowered = text[:MOST_CHARACTERS].lower()
        if self.tokens == "whole":
            yield text
        elif self.tokens == "words":
            yield from _WORD.findall(lowered)
        else:
            yield from (lowered[at : at + 3] for at in range(max(1, len(lowered) - 2)))
