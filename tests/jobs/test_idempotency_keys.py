"""Keys that clients make up."""

from __future__ import annotations

import pytest

from accounts.principals import Principal
from core.errors import Invalid
from jobs.services import enqueue


@pytest.mark.parametrize("key", ["k" * 201, "a\x00b"])
def test_a_key_that_cannot_be_kept_is_refused(principal: Principal, key: str) -> None:
    with pytest.raises(Invalid) as refused:
        enqueue(principal=principal, kind="count_up", arguments={}, idempotency_key=key)
    assert refused.value.errors[0].field == "Idempotency-Key"


def test_the_longest_key_is_kept(principal: Principal) -> None:
    key = "k" * 200
    first = enqueue(principal=principal, kind="count_up", arguments={}, idempotency_key=key)
    again = enqueue(principal=principal, kind="count_up", arguments={}, idempotency_key=key)
    assert again == first
