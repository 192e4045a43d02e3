"""Streams: one instance a line in, one answer a line out, refusals one by one.

A line that cannot be read, or does not fit, gets ``{"error": …, "line": n}`` and disturbs no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from core.errors import Invalid
from models_registry.signatures import InputRefused, Signature, columns_from_records
from serving.protocols.base import Answered, Decoded, Envelope, Payload


class LineBatch:
    """Some lines on their way through a prediction; a codec for this one batch.

    Parameters
    ----------
    first_line
        Number of the first line, counted from 1.
    lines
        What was sent; None for a line that was too long to be kept.
    threshold, explain
        What is asked of each line beside its prediction, as in :class:`~serving.protocols.base.Decoded`.
    """

    name = "ndjson"

    def __init__(
        self,
        first_line: int,
        lines: Sequence[bytes | None],
        *,
        longest: int,
        threshold: bool | float | None = None,
        explain: bool = False,
    ) -> None:
        self._first_line = first_line
        self._threshold = threshold
        self._explain = explain
        self._count = len(lines)
        self._records: dict[int, Mapping[str, Any]] = {}
        self._done: dict[int, dict[str, Any]] = {}
        self._is_answered = False
        for place, line in enumerate(lines):
            self._parse(place, line, longest)

    def _parse(self, place: int, line: bytes | None, longest: int) -> None:
        if line is None:
            self._refuse(place, "line_too_long", f"A line is longer than {longest:,} bytes.")
            return
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            self._refuse(place, "malformed", "The line is not JSON.")
            return
        if not isinstance(record, dict):
            self._refuse(place, "malformed", "A line must be an object of feature and value.")
            return
        self._records[place] = record

    @property
    def is_empty(self) -> bool:
        """Whether no line is left that could be answered."""
        return not self._records

    def accepts(self, content_type: str) -> bool:
        """Whether bodies of this media type are read."""
        return True

    def decode(self, envelope: Envelope, signature: Signature, *, most_rows: int) -> Decoded:
        """Return the lines that fit; those that do not are refused, each with what is wrong.

        Raises
        ------
        Invalid
            None fits.
        """
        try:
            return self._decoded(signature)
        except InputRefused:
            if self._is_answered:  # a shadow asks once more
                raise
            self._refuse_misfits(signature)
        if self._records:
            return self._decoded(signature)
        raise Invalid("No line fits.", field="line")

    def _decoded(self, signature: Signature) -> Decoded:
        records = list(self._records.values())
        return Decoded(
            columns_from_records(signature, records),
            records,
            list(self._records),
            threshold=self._threshold,
            wants_explanations=self._explain,
        )

    def _refuse_misfits(self, signature: Signature) -> None:
        for place, record in list(self._records.items()):
            try:
                columns_from_records(signature, [record])
            except InputRefused as refusal:
                said = [
                    f"{one.column}: {one.message}" if one.column else one.message
                    for one in refusal.complaints
                ]
                del self._records[place]
                self._refuse(place, refusal.code, "; ".join(said))

    def encode(self, decoded: Decoded, answered: Answered) -> Payload:
        """Keep the answers for their lines."""
        scores = answered.scores
        why = None if answered.explained is None else answered.explained.content()
        self._is_answered = True
        for index, place in enumerate(decoded.asked):
            one: dict[str, Any] = {
                "line": self._first_line + place,
                "prediction": scores.labels[index],
            }
            if scores.probabilities is not None:
                one["probabilities"] = scores.probabilities[index].tolist()
            if answered.ruling is not None:
                one["decision"] = answered.ruling.decisions[index]
                one["threshold"] = answered.ruling.threshold
            if why is not None:
                one["explanation"] = why["explanations"][index]
                one["explained_by"] = why["explained_by"]
            one["model_version"] = answered.origin.version_number
            one["prediction_id"] = answered.prediction_ids[index]
            self._done[place] = one
        return Payload(200, "application/x-ndjson", b"")

    def refusal(self, problem: Mapping[str, Any]) -> Payload:
        """Keep a refusal of the whole batch for each of its lines that has no word yet."""
        return Payload(problem["status"], "application/x-ndjson", orjson.dumps(problem))

    def refuse_rest(self, problem: Mapping[str, Any]) -> None:
        """Say of all lines without an answer why they have none."""
        for place in range(self._count):
            if place not in self._done:
                self._refuse(place, str(problem["code"]), str(problem["detail"]))

    def answers(self) -> bytes:
        """Return one line for each that came in, in their order."""
        return b"".join(orjson.dumps(self._done[place]) + b"\n" for place in sorted(self._done))

    def _refuse(self, place: int, code: str, detail: str) -> None:
        self._done[place] = {
            "line": self._first_line + place,
            "error": {"code": code, "detail": detail},
        }
