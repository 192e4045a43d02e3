"""Differences of two versions: as a naive comparison says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import Project, Role
from accounts.principals import Principal
from datasets import services
from datasets.comparison import Side, compare_profiles, compare_rows, compare_schemas
from datasets.comparison.rows import RowChanges
from datasets.engine.tables import EngineLimits, TableSource, connect
from datasets.errors import IllegalComparisonMove, NotComparable
from datasets.exploration.comparisons import details_of
from datasets.models import (
    ComparisonStatus,
    Dataset,
    DatasetVersion,
    VersionComparison,
)
from datasets.models.comparisons import NEXT_COMPARISON_STATUSES
from datasets.schema import Column, ColumnType, Schema
from datasets.schema import Role as ColumnRole
from jobs.models import Job

Ingested = Callable[..., DatasetVersion]
SCHEMA = Schema(
    (
        Column("k", ColumnType.INTEGER),
        Column("l", ColumnType.STRING),
        Column("x", ColumnType.NUMBER),
        Column("y", ColumnType.BOOLEAN),
    )
)
KEYS = [None, 0, 1, 2, 3]
Row = tuple[Any, Any, Any, Any]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from([None, "", "a"]),
        st.sampled_from([None, 0.0, 1.5]),
        st.sampled_from([None, True, False]),
    ),
    max_size=12,
)


def side(folder: Path, name: str, rows: list[Row], schema: Schema = SCHEMA) -> Side:
    numbered = [
        {"__row__": i, **dict(zip(schema.names, row, strict=True))} for i, row in enumerate(rows)
    ]
    target = pa.schema([pa.field("__row__", pa.int64()), *schema.to_arrow()])
    path = folder / f"{name}.parquet"
    pq.write_table(pa.Table.from_pylist(numbered, schema=target), path)
    source = TableSource(str(folder), 0, ("__row__", *schema.names), (str(path),))
    return Side(source, schema, len(rows), name)


def changes(base: Side, other: Side, key: list[str]) -> RowChanges:
    with connect(EngineLimits(memory_bytes=100 * 1024**2, threads=1)) as connection:
        return compare_rows(connection, base, other, key, progress=lambda *_: None)


def naive(base: list[Row], other: list[Row], width: int) -> dict[str, Any]:
    """Compare by the first ``width`` columns, with dictionaries."""
    old, new = (Counter(row[:width] for row in rows) for rows in (base, other))
    twice = {key for counts in (old, new) for key, count in counts.items() if count > 1}
    a = {row[:width]: (i, row) for i, row in enumerate(base) if row[:width] not in twice}
    b = {row[:width]: (i, row) for i, row in enumerate(other) if row[:width] not in twice}
    both = [key for key in b if key in a]
    changed = [key for key in both if a[key][1] != b[key][1]]
    cells = Counter(
        SCHEMA.names[i] for key in changed for i in range(width, 4) if a[key][1][i] != b[key][1][i]
    )
    return {
        "added_sample": [i for key, (i, _) in b.items() if key not in a],
        "removed_sample": [i for key, (i, _) in a.items() if key not in b],
        "changed_sample": [[a[key][0], b[key][0]] for key in changed],
        "changed_cells": dict(cells),
        "unchanged": len(both) - len(changed),
        "duplicate_keys": len(twice),
        "duplicate_base_rows": sum(old[key] for key in twice),
        "duplicate_other_rows": sum(new[key] for key in twice),
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=ROWS, other=ROWS, width=st.integers(1, 4))
def test_rows_are_matched_by_key_as_dictionaries_match_them(
    tmp_path: Path, base: list[Row], other: list[Row], width: int
) -> None:
    found = changes(
        side(tmp_path, "a", base), side(tmp_path, "b", other), list(SCHEMA.names[:width])
    ).to_dict()
    expected = naive(base, other, width)
    assert {name: found[name] for name in expected} == expected
    for kind in ("added", "removed", "changed"):
        assert found[kind] == len(expected[f"{kind}_sample"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=ROWS, other=ROWS)
def test_without_a_key_rows_are_counted_as_multisets(
    tmp_path: Path, base: list[Row], other: list[Row]
) -> None:
    found = changes(side(tmp_path, "a", base), side(tmp_path, "b", other), [])
    came, went = Counter(other) - Counter(base), Counter(base) - Counter(other)
    assert (found.added, found.removed) == (came.total(), went.total())
    assert found.unchanged == len(base) - went.total()
    assert sorted(other[i] for i in found.added_sample if other[i] not in came) == []
    assert {other[i] for i in found.added_sample} == set(came)
    assert {base[i] for i in found.removed_sample} == set(went)


def test_a_column_with_another_type_is_compared_by_value(tmp_path: Path) -> None:
    before = Schema((Column("k", ColumnType.INTEGER), Column("v", ColumnType.INTEGER)))
    after = Schema((Column("v", ColumnType.NUMBER), Column("k", ColumnType.STRING)))
    base = side(tmp_path, "a", [(1, 1), (2, 2), (3, None)], before)  # type: ignore[list-item]
    other = side(tmp_path, "b", [(1.0, "1"), (2.5, "2"), (None, "3")], after)  # type: ignore[list-item]
    found = changes(base, other, ["k"])
    assert (found.added, found.removed, found.changed_cells) == (0, 0, {"v": 1})
    with pytest.raises(NotComparable):
        changes(base, other, ["nope"])


def test_whole_numbers_and_doubles_are_compared_to_the_last_digit(tmp_path: Path) -> None:
    before = Schema((Column("k", ColumnType.INTEGER), Column("v", ColumnType.INTEGER)))
    after = Schema((Column("k", ColumnType.INTEGER), Column("v", ColumnType.NUMBER)))
    whole = [2**53 + 1, 2**53, 0, -(2**63), None, 7]
    doubles = [2.0**53, 2.0**53, -0.0, -(2.0**63), None, 7.5]
    base = side(tmp_path, "a", list(enumerate(whole)), before)  # type: ignore[arg-type]
    other = side(tmp_path, "b", list(enumerate(doubles)), after)  # type: ignore[arg-type]
    found = changes(base, other, ["k"])
    assert found.changed_sample == ((0, 0), (5, 5))
    assert changes(other, base, ["k"]).changed == 2
    assert changes(base, other, []).removed == 2


def test_schemas_are_compared_by_name() -> None:
    before = Schema((*SCHEMA.columns[:3], Column("old", ColumnType.STRING)))
    after = Schema(
        (
            Column("l", ColumnType.STRING, role=ColumnRole.TARGET),
            Column("k", ColumnType.NUMBER),
            Column("x", ColumnType.NUMBER),
            Column("new", ColumnType.STRING),
        )
    )
    assert compare_schemas(before, after).to_dict() == {
        "added": ["new"],
        "removed": ["old"],
        "retyped": [{"column": "k", "old": "integer", "new": "number"}],
        "roles": [{"column": "l", "old": "feature", "new": "target"}],
        "reordered": True,
    }
    assert compare_schemas(before, before).is_empty


def test_profiles_are_compared_by_column() -> None:
    def profile(**column: Any) -> dict[str, Any]:
        return {"columns": [{"name": "a", "nulls": 0, **column}, {"name": "same", "nulls": 1}]}

    before = profile(mean=1.0, top=[{"value": "x", "count": 3}], quantiles=[{"p": 0.5, "value": 1}])
    after = profile(mean=2.0, top=[{"value": "y", "count": 1}], quantiles=[{"p": 0.5, "value": 1}])
    assert compare_profiles(before, after) == [
        {
            "column": "a",
            "mean": {"old": 1.0, "new": 2.0},
            "top": [{"value": "x", "old": 3, "new": None}, {"value": "y", "old": None, "new": 1}],
        }
    ]
    assert compare_profiles({}, after) == []


def test_versions_are_compared_over_rest_and_only_once(
    api: Callable[..., APIClient],
    ingested: Ingested,
    dataset: Dataset,
    run_all_jobs: Callable[[], list[Job]],
    other_project: Project,
) -> None:
    ingested(b"id,x\n1,a\n2,b\n3,c\n")
    ingested(b"id,x\n1,a\n2,B\n4,d\n5,d\n5,e\n")
    client = api(Role.EDITOR)
    address = f"/api/v1/datasets/{dataset.pk}/comparisons/"
    body = {"base": 1, "other": 2, "key": ["id"]}
    answer = client.post(address, body)
    assert answer.status_code == 202
    assert client.post(address, body).json()["job"]["id"] == answer.json()["job"]["id"]
    run_all_jobs()
    ready = client.post(address, body)
    assert ready.status_code == 200
    result = ready.json()["result"]
    assert (result["added"], result["removed"], result["changed"]) == (1, 1, 1)
    assert (result["duplicate_keys"], result["duplicate_other_rows"]) == (1, 2)
    detail = client.get(f"/api/v1/version-comparisons/{ready.json()['id']}/").json()
    assert detail["samples"]["added"] == [[4, "d"]]
    assert detail["samples"]["removed"] == [[3, "c"]]
    assert detail["samples"]["changed"] == [
        {"key": {"id": 2}, "cells": [{"column": "x", "old": "b", "new": "B"}]}
    ]
    assert {one["column"] for one in detail["profile"]} == {"id", "x"}
    listed = api(Role.VIEWER).get(address).json()
    assert [one["status"] for one in listed["results"]] == ["ready"]
    stranger = api(Role.ADMIN, in_project=other_project)
    assert stranger.get(address).status_code == 404
    assert stranger.get(f"/api/v1/version-comparisons/{ready.json()['id']}/").status_code == 404
    assert api(Role.VIEWER).post(address, body).status_code == 403
    for wrong in ({"base": 1, "other": 1}, {**body, "key": ["y"]}, {**body, "key": ["id", "id"]}):
        assert client.post(address, wrong).status_code == 422
    assert client.post(address, {"base": 1, "other": 9}).status_code == 404


def test_the_sample_shows_the_cells_that_are_counted_and_no_others(
    principal: Principal, ingested: Ingested, run_all_jobs: Callable[[], list[Job]]
) -> None:
    base = ingested(b"id,v,w,x\n1,1,a,0.5\n2,2,b,1.5\n3,3,c,2.5\n")
    other = ingested(b"id,v,w,x\n1,1,A,0.5\n2,two,b,1.5\n3,3,c,x\n")  # v and x are text now
    comparison = services.compare_versions(principal=principal, base=base, other=other, key=["id"])
    run_all_jobs()
    comparison.refresh_from_db()
    assert comparison.result["changed_cells"] == {"v": 1, "w": 1, "x": 1}
    changed = details_of(comparison).samples.changed
    shown = [(row.key["id"], cell.column) for row in changed for cell in row.cells]
    assert shown == [(1, "w"), (2, "v"), (3, "x")]


def test_an_append_is_known_from_the_log(
    principal: Principal, ingested: Ingested, run_all_jobs: Callable[[], list[Job]]
) -> None:
    base = ingested(b"id,x\n1,a\n2,b\n")
    other = ingested(b"id,x\n3,c\n4,c\n", mode="append")
    for key in ([], ["id"]):
        services.compare_versions(principal=principal, base=base, other=other, key=key)
    again = services.compare_versions(principal=principal, base=other, other=base, key=["id"])
    run_all_jobs()
    for comparison in VersionComparison.objects.filter(base=base):
        found = comparison.result
        assert (found["shortcut"], found["added"], found["removed"]) == ("append", 2, 0)
        assert found["added_sample"] == [2, 3]
    again.refresh_from_db()
    assert (again.result["shortcut"], again.result["removed"]) == ("", 2)


def test_the_identifier_is_the_key_unless_another_is_chosen(
    principal: Principal, ingested: Ingested
) -> None:
    rows = "".join(f"{i},{i % 3}\n" for i in range(30))
    base, other = ingested(f"id,x\n{rows}".encode()), ingested(f"id,x\n{rows}7,7\n".encode())
    role = Schema.from_dict(other.schema).column("id").role
    chosen = services.compare_versions(principal=principal, base=base, other=other)
    assert chosen.key == (["id"] if role is ColumnRole.IDENTIFIER else [])


def test_versions_without_a_common_column_are_not_compared(
    principal: Principal, ingested: Ingested
) -> None:
    base, other = ingested(b"a,b\n1,2\n"), ingested(b"c\n1\n")
    with pytest.raises(NotComparable, match="no column in common"):
        services.compare_versions(principal=principal, base=base, other=other, key=[])


def test_a_comparison_that_failed_is_asked_for_again(
    principal: Principal, ingested: Ingested, run_all_jobs: Callable[[], list[Job]]
) -> None:
    base, other = ingested(b"a\n1\n"), ingested(b"a\n2\n")
    comparison = services.compare_versions(principal=principal, base=base, other=other, key=[])
    VersionComparison.objects.update(status=ComparisonStatus.FAILED)
    again = services.compare_versions(principal=principal, base=base, other=other, key=[])
    assert (again.pk, again.status) == (comparison.pk, "building")
    assert again.job_id != comparison.job_id
    run_all_jobs()
    again.refresh_from_db()
    assert again.status == "ready"


def test_only_the_named_moves_of_a_comparison_are_possible() -> None:
    for before in ComparisonStatus:
        for after in ComparisonStatus:
            comparison = VersionComparison(status=before)
            if after in NEXT_COMPARISON_STATUSES[before]:
                comparison.check_move(after)
            else:
                with pytest.raises(IllegalComparisonMove):
                    comparison.check_move(after)


def test_the_list_of_comparisons_needs_few_queries(
    api: Callable[..., APIClient],
    principal: Principal,
    ingested: Ingested,
    dataset: Dataset,
    django_assert_max_num_queries: Any,
) -> None:
    versions = [ingested(f"a\n{i}\n".encode()) for i in range(3)]
    for other in versions[1:]:
        services.compare_versions(principal=principal, base=versions[0], other=other, key=[])
    client = api()
    address = f"/api/v1/datasets/{dataset.pk}/comparisons/"
    client.get(address)
    with django_assert_max_num_queries(6):
        assert client.get(address).json()["count"] == 2
