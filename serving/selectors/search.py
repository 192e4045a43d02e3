"""Looking for predictions and failed requests in the log: the newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from core.errors import Invalid
from datasets import lake
from serving.selectors.predictions import failures_path, log_path

_MOMENT = pa.timestamp("us", "UTC")


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for.

    Attributes
    ----------
    failed
        Whether it is requests that got no prediction.
    start, end
        ``start <= at < end``; None: no such bound.
    before
        Where a page before ended (:attr:`Found.next`); empty for the first.
    """

    failed: bool = False
    endpoint_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    model_version_id: int | None = None
    request_id: str = ""
    token_prefix: str = ""
    entity_key: str = ""
    code: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rows, the newest first, and where the next one begins (empty: there is none)."""

    rows: Sequence[dict[str, Any]]
    next: str


def search_log(*, project_id: int, search: Search, limit: int) -> Found:
    """Return a page of a project's log, as far as it has been shipped.

    The days are read one after the other, the newest first, until the page is full; of each day only what is
    needed to choose the rows, and then these rows.

    Raises
    ------
    Invalid
        ``before`` is not what an earlier page gave, or failed requests are looked for by whom they were about.
    """
    if search.failed and search.entity_key:
        raise Invalid(
            "Of failed requests it is not known whom they were about.", field="entity_key"
        )
    path = failures_path(project_id) if search.failed else log_path(project_id)
    table = lake.open_table(path)
    if table is None or (search.entity_key and "entity_key" not in _columns(table)):
        return Found((), "")
    key = "request_id" if search.failed else "prediction_id"
    upper, last = _cursor(search.before)
    where = _where(search, upper)
    version = int(table.version())
    found: list[dict[str, Any]] = []
    for day in _days(table, search, upper):
        if len(found) > limit:
            break
        chosen = lake.read_window(
            path,
            columns=["at", key],
            partitions=[("day", "=", day)],
            where=where,
            version=version,
        )
        if chosen is None or not chosen.num_rows:
            continue
        chosen = _newest(chosen, key, upper, last, limit + 1 - len(found))
        found.extend(_whole(path, version, day, key, chosen, where))
    more = len(found) > limit
    rows = found[:limit]
    return Found([_shown(row) for row in rows], _cursor_after(rows[-1], key) if more else "")


def _newest(rows: pa.Table, key: str, upper: datetime | None, last: str, count: int) -> pa.Table:
    """Return the newest rows that come after the cursor."""
    if upper is not None:
        at_once = pc.equal(rows["at"], pa.scalar(upper, _MOMENT))
        rows = rows.filter(pc.or_(pc.invert(at_once), pc.less(rows[key], last)))
    picked = pc.select_k_unstable(
        rows, k=min(count, rows.num_rows), sort_keys=[("at", "descending"), (key, "descending")]
    )
    return rows.take(picked)


def _whole(
    path: str, version: int, day: str, key: str, chosen: pa.Table, where: Any
) -> list[dict[str, Any]]:
    """Return the chosen rows with all their columns, in the order in which they were chosen."""
    if not chosen.num_rows:
        return []
    ids = chosen[key].to_pylist()
    oldest, newest = chosen["at"][-1], chosen["at"][0]
    exactly = (
        (pads.field("at") >= oldest) & (pads.field("at") <= newest) & pads.field(key).isin(ids)
    )
    rows = lake.read_window(
        path,
        partitions=[("day", "=", day)],
        where=exactly if where is None else exactly & where,
        version=version,
    )
    assert rows is not None
    wanted = set(zip(chosen["at"].to_pylist(), ids, strict=True))
    listed = [row for row in rows.to_pylist() if (row["at"], row[key]) in wanted]
    listed.sort(key=lambda row: (row["at"], row[key]), reverse=True)
    return listed


def _where(search: Search, upper: datetime | None) -> Any:
    """Return the conditions on columns as one expression; None when there is none."""
    conditions = [
        pads.field(name) == value
        for name, value in (
            ("endpoint_id", search.endpoint_id),
            ("model_version_id", search.model_version_id),
            ("request_id", search.request_id),
            ("token_prefix", search.token_prefix),
            ("entity_key", search.entity_key),
            ("code", search.code if search.failed else ""),
        )
        if value not in (None, "")
    ]
    if search.start is not None:
        conditions.append(pads.field("at") >= pa.scalar(search.start, _MOMENT))
    if search.end is not None:
        conditions.append(pads.field("at") < pa.scalar(search.end, _MOMENT))
    if upper is not None:
        conditions.append(pads.field("at") <= pa.scalar(upper, _MOMENT))
    whole = None
    for one in conditions:
        whole = one if whole is None else whole & one
    return whole


def _days(table: Any, search: Search, upper: datetime | None) -> list[str]:
    """Return the days of the table that can hold such rows, the newest first; from its log alone."""
    actions = pa.table(table.get_add_actions(flatten=True))
    days = {str(one) for one in actions["partition.day"].to_pylist()}
    first = "" if search.start is None else _day(search.start)
    bounds = [_day(one) for one in (search.end, upper) if one is not None]
    latest = min(bounds, default="9999-12-31")
    return sorted((day for day in days if first <= day <= latest), reverse=True)


def _columns(table: Any) -> set[str]:
    """Return the columns of a table; one of long ago may lack the newer ones."""
    return {str(field.name) for field in table.schema().fields}


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name != "day"}
    for name in ("features", "prediction", "decision"):
        if shown.get(name) is not None:
            shown[name] = orjson.loads(shown[name])
    return shown


def _cursor_after(row: dict[str, Any], key: str) -> str:
    return f"{row['at'].isoformat()}~{row[key]}"


def _cursor(text: str) -> tuple[datetime | None, str]:
    if not text:
        return None, ""
    at, _, last = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise Invalid("Take 'before' from the page before.", field="before") from None
    if moment.tzinfo is None or not last:
        raise Invalid("Take 'before' from the page before.", field="before")
    return moment, last
