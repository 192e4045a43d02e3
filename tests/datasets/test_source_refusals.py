"""What a source may not be, and who may not have one."""

from __future__ import annotations

import doctest
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.errors import PermissionMissing
from accounts.models import Project, Role
from accounts.principals import Principal
from accounts.selectors import principal_of_user
from core.errors import Invalid, NotFound
from datasets import services
from datasets.errors import (
    NameTaken,
    SourceMissing,
    SourceNotAllowed,
)
from datasets.models import (
    Source,
)
from datasets.services.source_terms import terms_of
from datasets.sources import asking
from tests.datasets.source_making import MakeSource, write_text

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "{incoming}/../secret.csv",
        "relative.csv",
        "/*",
        "{incoming}/**/../../secret.csv",
        "{outside}/*.csv",
        "{incoming}-beside/a.csv",
        "{incoming}/door/secret.csv",
    ],
)
def test_paths_that_lead_out_of_the_allowed_folders_are_refused(
    path: str, incoming: Path, tmp_path: Path, make_source: MakeSource
) -> None:
    outside = tmp_path / "outside"
    write_text(outside / "secret.csv", "name\nsecret\n")
    write_text(tmp_path / "secret.csv", "name\nsecret\n")
    (incoming / "door").symlink_to(outside)
    with pytest.raises(SourceNotAllowed) as refusal:
        make_source("path", path=path.format(incoming=incoming, outside=outside))
    assert refusal.value.field == "settings.path"
    assert str(outside) not in refusal.value.message


def test_a_link_that_leads_out_is_refused_when_it_is_read(
    incoming: Path, tmp_path: Path, make_source: MakeSource, principal: Principal
) -> None:
    secret = write_text(tmp_path / "secret.csv", "name\nsecret\n")
    source = make_source("path", path=f"{incoming}/*.csv")
    with pytest.raises(SourceMissing):
        services.check_source(principal=principal, source=source)
    (incoming / "a.csv").symlink_to(secret)
    with pytest.raises(SourceNotAllowed):
        services.check_source(principal=principal, source=source)
    (incoming / "a.csv").unlink()
    os.mkfifo(incoming / "pipe.csv")
    with pytest.raises(SourceMissing):
        services.check_source(principal=principal, source=source)


def test_without_allowed_folders_no_path_is_one(
    make_source: MakeSource, tmp_path: Path, settings: Settings
) -> None:
    settings.SOURCE_PATHS = []
    with pytest.raises(SourceNotAllowed):
        make_source("path", path=str(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"mode": "merge"}, "mode"),
        ({"watermark_column": "at"}, "watermark_column"),
        ({"path": ""}, "settings.path"),
        ({"elsewhere": "x"}, "settings.elsewhere"),
        ({"secrets": {"token": "x"}}, "secrets.token"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(
    changes: dict[str, Any], field: str, incoming: Path, make_source: MakeSource
) -> None:
    with pytest.raises(Invalid) as refusal:
        make_source("path", **{"path": f"{incoming}/a.csv", **changes})
    assert [error.field for error in refusal.value.errors] == [field]
    assert not Source.objects.exists()


def test_names_are_unique_within_a_dataset(incoming: Path, make_source: MakeSource) -> None:
    make_source("path", path=f"{incoming}/a.csv")
    with pytest.raises(NameTaken):
        make_source("path", path=f"{incoming}/b.csv")


def test_viewers_and_other_projects_may_not(
    incoming: Path,
    make_source: MakeSource,
    principal_as: Callable[[Role], Principal],
    make_user: Callable[..., Any],
    other_project: Project,
) -> None:
    source = make_source("path", path=f"{incoming}/a.csv")
    viewer = principal_as(Role.VIEWER)
    stranger = principal_of_user(make_user(Role.ADMIN, in_project=other_project))
    calls: list[Callable[[Principal], object]] = [
        lambda who: services.run_source(principal=who, source=source),
        lambda who: services.check_source(principal=who, source=source),
        lambda who: services.reset_source(principal=who, source=source),
        lambda who: services.delete_source(principal=who, source=source),
        lambda who: services.set_source_enabled(principal=who, source=source, enabled=False),
        lambda who: services.change_source(principal=who, source=source, terms=terms_of(source)),
    ]
    for call in calls:
        with pytest.raises(PermissionMissing):
            call(viewer)
        with pytest.raises(NotFound):
            call(stranger)
    assert Source.objects.get().enabled


def test_the_examples_of_the_documentation_hold() -> None:
    assert doctest.testmod(asking).failed == 0
