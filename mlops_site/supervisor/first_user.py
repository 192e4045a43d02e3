"""The first user and the first project, so that somebody can sign in after the first start."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from accounts.models import Membership, Project, Role
from accounts.services import create_project
from mlops_site.supervisor.home import Home

ADMIN_NAME = "admin"
PROJECT_SLUG = "demo"
PASSWORD_FILE = "admin-password"  # noqa: S105 (a file name)


@dataclass(frozen=True, slots=True)
class FirstUser:
    """Who can sign in.

    Parameters
    ----------
    name
        The user's name.
    password_file
        Where the generated password is kept.
    password
        The generated password; None once it was changed or its file removed.
    """

    name: str
    password_file: Path
    password: str | None


def ensure_first_user(home: Home) -> None:
    """Make the administrator, with a random password, and the first project, if not there yet."""
    user = User.objects.filter(username=ADMIN_NAME).first()
    if user is None:
        # The file comes first: a password that nobody can read would be worse than a file too many.
        password = _kept_password(home) or secrets.token_urlsafe(12)
        home.write_private(PASSWORD_FILE, password + "\n")
        user = User.objects.create_superuser(ADMIN_NAME, password=password)
    with transaction.atomic():
        project = Project.objects.filter(slug=PROJECT_SLUG).first()
        if project is None:
            create_project(user=user, name="Demo", slug=PROJECT_SLUG)
        else:
            Membership.objects.get_or_create(
                project=project, user=user, defaults={"role": Role.ADMIN}
            )


def first_user(home: Home) -> FirstUser:
    """Return who can sign in, with the generated password as long as it is still the one."""
    user = User.objects.get(username=ADMIN_NAME)
    kept = _kept_password(home)
    holds = kept is not None and user.check_password(kept)
    return FirstUser(ADMIN_NAME, home.path / PASSWORD_FILE, kept if holds else None)


def _kept_password(home: Home) -> str | None:
    try:
        return (home.path / PASSWORD_FILE).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
