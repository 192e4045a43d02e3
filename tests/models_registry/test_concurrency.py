"""Two callers at once, on real connections: one wins, the other is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from django.db import connection

from accounts.models import Role
from accounts.principals import Principal
from models_registry import services
from models_registry.errors import AliasMoved, VersionInUse, VersionNotReady
from models_registry.models import Alias, AliasMove, ModelVersion, VersionStatus
from tests.models_registry.conftest import MakeVersion

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(attempts: Sequence[Callable[[], object]]) -> list[object]:
    """Carry out all attempts at the same moment, and return what each gave or raised."""
    start = threading.Barrier(len(attempts))
    ends: list[object] = [None] * len(attempts)

    def carry_out(index: int) -> None:
        try:
            start.wait(10)
            ends[index] = attempts[index]()
        except Exception as error:  # noqa: BLE001 - what was raised is what the test looks at
            ends[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=carry_out, args=[index]) for index in range(len(attempts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def test_of_many_promotions_from_one_champion_one_wins(
    make_version: MakeVersion, principal: Principal
) -> None:
    first, *others = [make_version() for _ in range(4)]
    services.promote(principal=principal, version=first)

    def promotion(version: ModelVersion) -> Callable[[], object]:
        return lambda: services.promote(
            principal=principal, version=version, expected_version=first.pk
        )

    ends = at_once([promotion(version) for version in others])
    assert sum(isinstance(end, Alias) for end in ends) == 1, ends
    assert sum(isinstance(end, AliasMoved) for end in ends) == 2
    assert AliasMove.objects.filter(name="champion").count() == 2
    assert Alias.objects.get(name="previous").version == first


def test_a_version_is_never_champion_and_retired(
    make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version()
    promoted, retired = at_once(
        [
            lambda: services.promote(principal=principal, version=version),
            lambda: services.retire(principal=principal, version=version),
        ]
    )
    version.refresh_from_db()
    if isinstance(promoted, Alias):
        assert isinstance(retired, VersionInUse)
        assert version.status == VersionStatus.READY
    else:
        assert isinstance(promoted, VersionNotReady)
        assert (version.status, Alias.objects.count()) == (VersionStatus.RETIRED, 0)


def test_an_approval_is_decided_once(
    make_version: MakeVersion, principal: Principal, principal_as: Callable[[Role], Principal]
) -> None:
    request = services.request_approval(principal=principal, version=make_version())

    def decision(approve: bool) -> Callable[[], object]:
        second = principal_as(Role.DEPLOYER)
        return lambda: services.decide_approval(principal=second, request=request, approve=approve)

    ends = at_once([decision(True), decision(False)])
    assert sum(isinstance(end, Exception) for end in ends) == 1, ends


def test_versions_registered_at_once_get_numbers_of_their_own(
    make_version: MakeVersion,
) -> None:
    at_once([make_version] * 3)
    assert sorted(ModelVersion.objects.values_list("number", flat=True)) == [1, 2, 3]
