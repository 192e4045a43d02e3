"""Refusals of schemas and checks."""

from __future__ import annotations

from core.errors import Conflict, Invalid, NotFound


class SchemaMismatch(Invalid):
    """Rows to append do not have the columns or types of the dataset."""

    code = "schema_mismatch"
    title = "The rows do not fit the schema of the dataset"


class SchemaViolated(Invalid):
    """Rows hold values that the dataset's schema does not allow."""

    code = "schema_violated"
    title = "Values break the schema of the dataset"


class SchemaRefused(Invalid):
    """What was said about the columns makes no schema."""

    code = "schema_refused"
    title = "This cannot be the schema of a dataset"


class SchemaChanged(Conflict):
    """The schema was edited by somebody else in the meantime."""

    code = "schema_changed"
    title = "The schema has changed since it was read"


class SchemaMissing(NotFound):
    """The dataset has no edited schema, or none of that revision."""

    code = "schema_missing"
    title = "There is no such schema"


class CheckRefused(Invalid):
    """A check that cannot be carried out as it is asked for."""

    code = "check_refused"
    title = "This cannot be a check of the dataset"


class ChecksFailed(Invalid):
    """A check whose failure blocks a version has failed."""

    code = "checks_failed"
    title = "The rows do not pass the checks of the dataset"


class NothingToWaive(Conflict):
    """The version was not held back by checks."""

    code = "nothing_to_waive"
    title = "No check holds this version back"
