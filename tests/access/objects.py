"""One row of every model, in one project: made from the model's fields, with the values or by the factory named here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection, models, transaction

from accounts.models import ApiToken, Membership, Project, Role
from core.blobs import default_store
from core.clock import now
from models_registry.signatures import Field, Signature

#: Part of every name in the project that others must not see.
MARKER = "mine-7f3a"
_TOLD_BY_NAME = ("name", "title", "description", "comment", "reason", "summary")


class World:
    """A project with one row of every model that is asked for, and a project beside it.

    Rows are made when they are needed first; whatever a row points at is made before it.
    """

    def __init__(self) -> None:
        self.project = Project.objects.create(name=f"{MARKER} project", slug=MARKER)
        self.other = Project.objects.create(name="Other", slug="other")
        self.owner = self.member(Role.ADMIN, self.project, name=f"{MARKER}-owner")
        self._rows: dict[type[models.Model], models.Model] = {
            Project: self.project,
            User: self.owner,
            Membership: Membership.objects.get(user=self.owner),
        }

    def member(self, role: Role, project: Project, *, name: str, is_staff: bool = True) -> User:
        """Make a member of a project."""
        user = User.objects.create_user(name, password="a long passphrase", is_staff=is_staff)
        Membership.objects.create(user=user, project=project, role=role)
        return user

    @property
    def content_type_id(self) -> int:
        """The key of the content type of jobs."""
        return ContentType.objects.get_for_model(cast("Any", self.model_named("job"))).pk

    def row(self, model: type[models.Model]) -> models.Model:
        """Return the row of a model, made now if it was not asked for before."""
        if model not in self._rows:
            make = FACTORIES.get(model._meta.label_lower)
            self._rows[model] = make(self) if make else self._made_from_fields(model)
        return self._rows[model]

    def row_of(self, label: str) -> Any:
        """Return the row of the model with this label."""
        return self.row(apps.get_model(label))

    def model_named(self, name: str, address: str = "") -> type[models.Model] | None:
        """Return the only model of this name; else the one that an address is named after.

        ``version`` in the path of ``dataset-version-profile`` is a ``datasetversion``.
        """
        wanted, place = name.replace("_", ""), address.replace("-", "")
        models_ = {str(one._meta.model_name): one for one in apps.get_models()}
        ending = [one for one in models_ if one.endswith(wanted) and place.startswith(one)]
        return models_.get(wanted) or (models_[max(ending, key=len)] if ending else None)

    def _made_from_fields(self, model: type[models.Model]) -> models.Model:
        values = {}
        for number, one in enumerate(model._meta.concrete_fields):
            value = self._value(one, number)
            if value is not _LEAVE:
                values[one.name] = value
        values |= VALUES.get(model._meta.label_lower, {})
        try:
            with transaction.atomic():
                return model._base_manager.create(**values)
        except (IntegrityError, ValueError, TypeError) as error:
            raise AssertionError(
                f"no {model._meta.label} could be made from its fields ({error}): give it VALUES "
                "or a factory in tests/access/objects.py"
            ) from error

    def _value(self, one: Any, number: int) -> Any:
        if isinstance(one, models.ForeignKey):
            target: type[models.Model] = one.related_model
            is_left = one.null and target not in (Project, User)
            return _LEAVE if is_left else self.row(target)
        if isinstance(one, models.CharField | models.TextField) and not one.choices:
            return _text(one)
        if one.has_default() or one.null or isinstance(one, models.AutoField):
            return _LEAVE
        if one.choices:
            return one.choices[0][0]
        for kind, sample in _SAMPLES.items():
            if isinstance(one, kind):
                # Later fields get later times, so that what begins ends after it.
                return sample() + timedelta(seconds=number) if sample is now else sample()
        return _LEAVE


def _text(one: Any) -> Any:
    """Return a text that others must not see; the digest of a real file where one is needed."""
    if one.name in ("digest", "artifact_digest") and one.model is not ApiToken:
        return default_store().put_bytes(MARKER.encode()).digest
    if one.has_default() and one.name not in _TOLD_BY_NAME:
        return _LEAVE
    text = f"{MARKER}-{one.model._meta.model_name}"
    return text[: one.max_length or len(text)]


_LEAVE = object()
_SAMPLES: Mapping[type[models.Field[Any, Any]], Callable[[], Any]] = {
    models.BooleanField: lambda: False,
    models.IntegerField: lambda: 1,
    models.FloatField: lambda: 0.5,
    models.DateTimeField: now,
    models.UUIDField: uuid4,
    models.JSONField: dict,
}


def _periodic_task(world: World) -> models.Model:
    interval = apps.get_model("django_celery_beat.intervalschedule").objects.create(
        every=1, period="days"
    )
    model = apps.get_model("django_celery_beat.periodictask")
    return cast(
        "models.Model", model.objects.create(name="walk", task="jobs.nothing", interval=interval)
    )


def _crontab(world: World) -> models.Model:
    return cast(
        "models.Model", apps.get_model("django_celery_beat.crontabschedule").objects.create()
    )


#: Values that cannot be guessed from a field, by the model's label.
VALUES: Mapping[str, Mapping[str, Any]] = {
    "serving.modelexport": {"server": "flask"},
    "models_registry.modelversion": {
        "status": "ready",
        "task": "classification",
        "signature": Signature(
            inputs=(Field(name="size", type="number", nullable=True),),
            task="classification",
            classes=("no", "yes"),
        ).to_dict(),
    },
}

#: Models whose rows are made in another way altogether, by label.
FACTORIES: Mapping[str, Callable[[World], models.Model]] = {
    "django_celery_beat.periodictask": _periodic_task,
    "django_celery_beat.crontabschedule": _crontab,
}


#: Tables that may change behind a request, and why.
NOT_COMPARED: Mapping[str, str] = {
    "sessions.Session": "a session is prolonged by being used",
    "serving.Deployment": "whoever asks first has the model loaded, and what goes wrong is noted there",
}


def all_rows() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, by table: what a request must not have changed."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models()
        if model._meta.label not in NOT_COMPARED
    }


@contextmanager
def writes() -> Iterator[list[str]]:
    """Collect the statements that write, but for those that prolong a session."""
    found: list[str] = []

    def look(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and "django_session" not in sql:
            found.append(sql[:100])
        return execute(sql, *rest)

    with connection.execute_wrapper(look):
        yield found


def changed_tables(before: dict[str, list[tuple[Any, ...]]]) -> list[str]:
    """Return the tables that are not as they were."""
    present = all_rows()
    return [label for label, rows in before.items() if present[label] != rows]
