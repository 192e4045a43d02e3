"""Text with a NUL character, which Parquet and Arrow can hold: the database that keeps profiles and samples cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from datasets.formats.bad_rows import Quarantine, unreadable_refusal


class NulGate:
    """Lets the rows of a file pass that have no NUL in their text; each other one is put aside.

    Parameters
    ----------
    quarantine
        Takes the rows with a NUL; without one they refuse the whole. It is emptied: a gate is for one pass over the
        file.
    """

    def __init__(self, quarantine: Quarantine | None) -> None:
        self._quarantine = quarantine
        self._passed = 0
        self.rows = 0
        self.numbers: Sequence[int] = ()
        if quarantine is not None:
            quarantine.clear()

    def pass_rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows without a NUL; ``numbers`` are theirs then, and ``rows`` those of the file so far.

        Parameters
        ----------
        batch
            The next rows of the file, whose texts are plain Arrow strings.

        Raises
        ------
        UnreadableRows
            There is such a row, and no quarantine.
        TooManyBadRows
            There are more than may be.
        """
        self.numbers = range(self.rows + 1, self.rows + 1 + batch.num_rows)
        self.rows += batch.num_rows
        found = _columns_with_nul(batch)
        if found:
            self._put_aside(batch, found)
            keep = np.isin(np.arange(batch.num_rows), list(found), invert=True)
            batch = batch.filter(pa.array(keep))
            self.numbers = [self.numbers[at] for at in np.flatnonzero(keep)]
        self._passed += batch.num_rows
        return batch

    def end(self) -> None:
        """Refuse the file when too large a share of it was put aside."""
        if self._quarantine is not None:
            self._quarantine.check(self._passed)

    def _put_aside(self, batch: pa.RecordBatch, found: Mapping[int, str]) -> None:
        reasons = {at: f"column {found[at][:60]!r} holds a NUL character" for at in sorted(found)}
        if self._quarantine is None:
            raise unreadable_refusal([(self.numbers[at], why) for at, why in reasons.items()])
        for at, reason in reasons.items():
            raw = "; ".join(
                f"{name}={'' if value is None else value}"
                for name, value in batch.slice(at, 1).to_pylist()[0].items()
            )
            self._quarantine.add(
                self.numbers[at], reason, raw=raw.replace("\x00", "\\u0000"), column=found[at]
            )


def _columns_with_nul(batch: pa.RecordBatch) -> dict[int, str]:
    """Return the positions of rows with a NUL, each with the first column that has one."""
    found: dict[int, str] = {}
    for field, values in zip(batch.schema, batch.columns, strict=True):
        if pt.is_string(field.type) and _may_hold_nul(values):
            for at in pc.indices_nonzero(pc.match_substring(values, "\x00")).to_pylist():
                found.setdefault(at, field.name)
    return found


def _may_hold_nul(values: pa.StringArray) -> bool:
    """Whether a byte of the texts is zero: no more than their smallest byte has to be found for that."""
    _, offsets, data = values.buffers()
    if len(values) == 0 or offsets is None or data is None:
        return False
    ends = np.frombuffer(offsets, np.int32)
    start, end = ends[values.offset], ends[values.offset + len(values)]
    return bool(end > start and np.frombuffer(data, np.uint8)[start:end].min() == 0)
