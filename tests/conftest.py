"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Membership, Project, Role, Scope
from accounts.principals import Principal
from accounts.selectors import principal_of_user
from accounts.services import create_token
from jobs import execution as job_execution
from jobs.models import Job, JobStatus
from serving.routing import forget_routing

# A busy machine is no fault of the product.
hypothesis.settings.register_profile(
    "product", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("product")

pytest_plugins = ["tests.database", "tests.object_store", "tests.datasets.source_making"]

SHARED = Path(__file__).resolve().parents[2] / "shared"


#: Faults wait more than they work: so many of them run at a time, beside the other tests.
_FAULT_CHAINS = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that choose the tests which harm real processes."""
    parser.addoption(
        "--faults",
        action="store_true",
        help="run the tests that kill real processes, and no others",
    )
    parser.addoption(
        "--with-faults",
        action="store_true",
        help="run all tests, also those that kill real processes",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run faults only when asked; skip what needs the shared data where they are absent."""
    faults = [item for item in items if item.get_closest_marker("fault")]
    others = [item for item in items if not item.get_closest_marker("fault")]
    if config.getoption("--faults"):
        config.hook.pytest_deselected(items=others)
        items[:] = faults
    elif config.getoption("--with-faults"):
        # Chains of faults beside whole modules of the others, which fill the time that they wait.
        for number, item in enumerate(faults):
            item.add_marker(pytest.mark.xdist_group(f"faults {number % _FAULT_CHAINS + 1}"))
        for item in others:
            item.add_marker(pytest.mark.xdist_group(item.path.name))
        items[:] = [*faults, *others]
    else:
        for item in faults:
            item.add_marker(
                pytest.mark.skip(reason="kills real processes: run ./mlops test --faults")
            )
    if os.environ.get("DATABASE_URL"):
        # The lane on other services: what uses none of them was shown without them.
        alone = [item for item in items if not _uses_services(item)]
        config.hook.pytest_deselected(items=alone)
        items[:] = [item for item in items if _uses_services(item)]
    if SHARED.is_dir():
        return
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(pytest.mark.skip(reason="needs the data files in ../shared"))


def _uses_services(item: pytest.Item) -> bool:
    """Whether a test uses the database, directly or through its fixtures, or starts processes that do."""
    names = set(getattr(item, "fixturenames", ()))
    marks = {mark.name for mark in item.iter_markers()}
    return bool(names & {"db", "transactional_db"} or marks & {"django_db", "postgres", "process"})


@pytest.fixture(scope="session")
def shared_path() -> Path:
    """The folder with real data and golden numbers, beside the checkout."""
    return SHARED


@pytest.fixture(autouse=True)
def lake_home(tmp_path: Path, settings: Settings) -> Path:
    """Put everything that the product keeps on disk under the test's own folder."""
    home = tmp_path / "home"
    home.mkdir()
    settings.MLOPS_HOME = home
    settings.LAKE_ROOT = str(home / "lake")
    settings.BLOBS_ROOT = home / "blobs"
    settings.UPLOADS_ROOT = home / "uploads"
    settings.SCRATCH_ROOT = home / "scratch"
    settings.JOB_LOG_ROOT = home / "logs"
    settings.PREDICTION_LOG_ROOT = home / "prediction-log"
    settings.SCORING_ROOT = home / "scoring"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(home / "media")},
        },
        "blobs": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(home / "blobs")},
        },
    }
    return home


@pytest.fixture(autouse=True)
def fresh_routing(lake_home: Path) -> Iterator[None]:
    """Let no route, token or open segment live longer than its test."""
    yield
    forget_routing()


@pytest.fixture
def project(db: None) -> Project:
    """The project that most tests live in."""
    return Project.objects.create(name="Demo", slug="demo")


@pytest.fixture
def other_project(db: None) -> Project:
    """A project that the test's users are not members of."""
    return Project.objects.create(name="Other", slug="other")


@pytest.fixture
def make_user(project: Project) -> Callable[..., User]:
    """Return a function that makes a user with a role in a project."""

    def make(role: Role | str = Role.EDITOR, *, in_project: Project | None = None) -> User:
        number = User.objects.count()
        user = User.objects.create_user(f"{role}-{number}", password="a long passphrase")
        Membership.objects.create(project=in_project or project, user=user, role=role)
        return user

    return make


@pytest.fixture
def user(make_user: Callable[..., User]) -> User:
    """An editor of the project."""
    return make_user(Role.EDITOR)


@pytest.fixture
def principal(make_user: Callable[..., User]) -> Principal:
    """An administrator of the project, as the services see them."""
    return principal_of_user(make_user(Role.ADMIN))


@pytest.fixture
def principal_as(make_user: Callable[..., User]) -> Callable[[Role], Principal]:
    """Return a function that makes a principal of a role."""
    return lambda role: principal_of_user(make_user(role))


@pytest.fixture
def admin_user_(db: None, project: Project) -> User:
    """A superuser, for tests of the admin."""
    return User.objects.create_superuser("root", password="a long passphrase")


@pytest.fixture
def api(make_user: Callable[..., User], project: Project) -> Callable[..., APIClient]:
    """Return a function that makes an API client with a bearer token."""

    def client(
        role: Role | str = Role.ADMIN,
        scopes: Sequence[str] | None = None,
        in_project: Project | None = None,
    ) -> APIClient:
        home = in_project or project
        owner = make_user(role, in_project=home)
        chosen = list(Scope.values) if scopes is None else list(scopes)
        _, secret = create_token(user=owner, project=home, name="test", scopes=chosen)
        made = APIClient()
        made.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return made

    return client


@pytest.fixture
def run_job() -> Callable[[Job], Job]:
    """Return a function that carries out a queued job in this process and returns it as it ended."""

    def run(job: Job) -> Job:
        claim = job_execution.claim(job.pk, worker="test")
        assert claim is not None, f"job {job.pk} is {job.status}, not queued"
        job_execution.carry_out(claim)
        job.refresh_from_db()
        return job

    return run


@pytest.fixture
def run_all_jobs(run_job: Callable[[Job], Job]) -> Callable[[], list[Job]]:
    """Return a function that carries out all queued jobs, oldest first, until none is left."""

    def run() -> list[Job]:
        done: list[Job] = []
        while job := Job.objects.filter(status=JobStatus.QUEUED).order_by("created_at").first():
            done.append(run_job(job))
        return done

    return run


@pytest.fixture
def staff(make_user: Callable[..., User]) -> Callable[..., Client]:
    """Return a function that signs a member in to the admin."""

    def sign_in(role: Role, in_project: Project | None = None) -> Client:
        member = make_user(role, in_project=in_project)
        member.is_staff = True
        member.save()
        client = Client()
        client.force_login(member)
        return client

    return sign_in
