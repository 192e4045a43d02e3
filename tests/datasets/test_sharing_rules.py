"""Which project may use which dataset for what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import AuditEvent, Project
from accounts.principals import Principal, system_principal
from core.clock import now
from core.errors import Forbidden, Invalid, NotFound
from datasets import services
from datasets.errors import GrantEnded, GrantNotEnough, GrantRefused
from datasets.models import LEVEL_USES, Dataset, DatasetGrant, GrantLevel, Use
from datasets.selectors import (
    datasets_visible_to,
    grants_for,
    require_use,
    uses_of,
    versions_visible_to,
)
from tests.datasets.shared_datasets import share


@pytest.fixture
def guest(other_project: Project) -> Principal:
    """Somebody of the other project."""
    return system_principal(other_project)


@pytest.mark.parametrize("level", list(GrantLevel))
@pytest.mark.parametrize("use", list(Use))
def test_a_grant_allows_what_its_level_says(
    dataset: Dataset, guest: Principal, level: GrantLevel, use: Use
) -> None:
    share(dataset, guest.project_id, level)
    allowed = use in LEVEL_USES[level]
    assert datasets_visible_to(guest, use).filter(pk=dataset.pk).exists() is allowed
    if allowed:
        require_use(guest, dataset, use)
    else:
        with pytest.raises(GrantNotEnough):
            require_use(guest, dataset, use)


def test_without_a_grant_a_dataset_is_not_known_of(
    dataset: Dataset, guest: Principal, principal: Principal
) -> None:
    assert uses_of(guest.project_id, dataset) == frozenset()
    assert uses_of(principal.project_id, dataset) == frozenset(Use)
    with pytest.raises(NotFound):
        require_use(guest, dataset, Use.DESCRIBE)


def test_a_revoked_or_expired_grant_hides_the_dataset_at_once(
    dataset: Dataset, guest: Principal
) -> None:
    grant = share(dataset, guest.project_id, GrantLevel.EXPORT, for_=timedelta(hours=1))
    assert uses_of(guest.project_id, dataset) == frozenset(Use)
    DatasetGrant.objects.filter(pk=grant.pk).update(expires_at=now() - timedelta(seconds=1))
    assert uses_of(guest.project_id, dataset) == frozenset()
    grant = share(dataset, guest.project_id, GrantLevel.EXPORT)
    services.revoke_grant(principal=system_principal(dataset.project), grant=grant)
    assert uses_of(guest.project_id, dataset) == frozenset()
    assert not versions_visible_to(guest).exists()


def test_a_new_grant_takes_the_place_of_the_former_one(dataset: Dataset, guest: Principal) -> None:
    share(dataset, guest.project_id, GrantLevel.EXPORT)
    latest = share(dataset, guest.project_id, GrantLevel.TRAIN)
    assert uses_of(guest.project_id, dataset) == {Use.DESCRIBE, Use.TRAIN}
    assert grants_for([guest.project_id], [dataset]) == {dataset.pk: latest}
    assert DatasetGrant.objects.count() == 2


def test_both_projects_find_the_grant_and_its_end_in_their_trails(
    dataset: Dataset, principal: Principal, other_project: Project
) -> None:
    grant = services.grant_dataset(
        principal=principal, dataset=dataset, project="other", level="view", note=" for the study "
    )
    services.revoke_grant(principal=principal, grant=grant)
    for project in (dataset.project, other_project):
        actions = AuditEvent.objects.filter(project=project, action__startswith="dataset_grant")
        assert sorted(actions.values_list("action", flat=True)) == [
            "dataset_grant.granted",
            "dataset_grant.revoked",
        ]
    assert grant.note == "for the study"
    with pytest.raises(GrantEnded):
        services.revoke_grant(principal=principal, grant=grant)


def test_what_cannot_be_granted_is_refused_with_its_field(
    dataset: Dataset, principal: Principal, other_project: Project
) -> None:
    with pytest.raises(Invalid) as refusal:
        services.grant_dataset(
            principal=principal,
            dataset=dataset,
            project="nobody",
            level="everything",
            expires_at=now() - timedelta(days=1),
            note="x" * 501,
        )
    assert {one.field for one in refusal.value.errors} == {"project", "level", "expires_at", "note"}
    with pytest.raises(GrantRefused):
        services.grant_dataset(principal=principal, dataset=dataset, project="demo", level="view")
    assert not DatasetGrant.objects.exists()


def test_only_an_administrator_of_the_owner_grants_and_revokes(
    dataset: Dataset, guest: Principal, principal_as: object
) -> None:
    grant = share(dataset, guest.project_id, GrantLevel.EXPORT)
    for role in ("viewer", "editor", "deployer"):
        member = principal_as(role)  # type: ignore[operator]
        with pytest.raises(Forbidden):
            services.grant_dataset(principal=member, dataset=dataset, project="other", level="view")
        with pytest.raises(Forbidden):
            services.revoke_grant(principal=member, grant=grant)
    with pytest.raises(NotFound):
        services.grant_dataset(principal=guest, dataset=dataset, project="demo", level="view")
    with pytest.raises(NotFound):
        services.revoke_grant(principal=guest, grant=grant)


def test_a_dataset_with_anothers_rows_follows_the_grant_on_those(
    dataset: Dataset, guest: Principal, other_project: Project
) -> None:
    derived = Dataset.objects.create(project=other_project, name="more", restricted_by=dataset)
    assert uses_of(guest.project_id, derived) == frozenset()
    grant = share(dataset, guest.project_id, GrantLevel.TRAIN)
    assert uses_of(guest.project_id, derived) == {Use.DESCRIBE, Use.TRAIN}
    assert grants_for([guest.project_id], [derived]) == {derived.pk: grant}
    with pytest.raises(GrantRefused):
        services.grant_dataset(principal=guest, dataset=derived, project="demo", level="view")
