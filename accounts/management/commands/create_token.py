"""Print a new API token and nothing else, for use in scripts: ``TOKEN=$(./mlops token)``."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from accounts.models import Project, Scope
from accounts.services import create_token
from core.clock import now
from core.errors import DomainError


class Command(BaseCommand):
    """``manage.py create_token``."""

    help = "Create an API token and print it; it is shown this once only."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", default="admin", help="whose token it is (default: admin)")
        parser.add_argument("--project", default="demo", help="the project's slug (default: demo)")
        parser.add_argument(
            "--scopes",
            nargs="+",
            default=list(Scope.values),
            metavar="SCOPE",
            help=f"some of {', '.join(Scope.values)} (default: all)",
        )
        parser.add_argument("--name", default="command line", help="to recognise it by")
        parser.add_argument(
            "--days", type=int, default=365, help="when it expires (default: 365 days)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the token and write it to standard output."""
        scopes = [scope for word in options["scopes"] for scope in word.split(",") if scope]
        try:
            _, secret = create_token(
                user=_user(options["user"]),
                project=_project(options["project"]),
                name=options["name"],
                scopes=scopes,
                expires_at=now() + timedelta(days=options["days"]),
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        except (OperationalError, ProgrammingError) as error:
            raise CommandError(
                f"The database is not ready ({error}); start the site once with ./mlops up."
            ) from error
        self.stdout.write(secret)


def _user(name: str) -> User:
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user '{name}'.")
    return user


def _project(slug: str) -> Project:
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        known = ", ".join(Project.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no project '{slug}'; there are: {known}.")
    return project
