"""JSON out: what every answer of the API goes through."""

from __future__ import annotations

import json

from core.api.renderers import OrjsonRenderer


def test_numbers_that_the_database_made_whole_are_rendered() -> None:
    data = {"top": [{"value": 10**300, "count": 2**63}, (-(10**20), True, "x", None)], 1: 10**400}
    assert json.loads(OrjsonRenderer().render(data)) == {
        "top": [{"value": 1e300, "count": 2**63}, [-1e20, True, "x", None]],
        "1": str(10**400),
    }
    assert (
        OrjsonRenderer().render({"n": float("nan"), "i": 2**63})
        == b'{"n":null,"i":9223372036854775808}'
    )
