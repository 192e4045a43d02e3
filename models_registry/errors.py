"""Named refusals of the model registry."""

from __future__ import annotations

from core.errors import Conflict, Forbidden, IllegalMove, Invalid, TooLarge


class IllegalVersionMove(IllegalMove):
    """The version's state machine does not know this move."""

    code = "illegal_version_move"
    title = "The model version cannot make this move"


class VersionNotValidated(Conflict):
    """A version that did not pass its gates was to be promoted."""

    code = "version_not_validated"
    title = "The model version has not passed its gates"


class VersionNotReady(Conflict):
    """A version that is not ready was to be promoted."""

    code = "version_not_ready"
    title = "The model version is not ready"


class ApprovalNeeded(Conflict):
    """The model asks for a second person's approval, which is not there."""

    code = "approval_needed"
    title = "A second person must approve this promotion"


class IllegalApprovalMove(IllegalMove):
    """The approval's state machine does not know this move."""

    code = "illegal_approval_move"
    title = "The approval request cannot make this move"


class SecondPersonNeeded(Forbidden):
    """Somebody tried to approve their own request."""

    code = "second_person_needed"
    title = "A second person must decide this"


class NothingToRollBackTo(Conflict):
    """There is no earlier champion."""

    code = "nothing_to_roll_back_to"
    title = "There is no previous champion"


class AliasMoved(Conflict):
    """The alias was moved by somebody else meanwhile."""

    code = "alias_moved"
    title = "The alias was moved meanwhile"


class AliasNameRefused(Invalid):
    """The name of an alias is reserved or malformed."""

    code = "alias_name_refused"
    title = "This alias cannot be used"


class VersionInUse(Conflict):
    """A version that an alias points at was to be taken away."""

    code = "version_in_use"
    title = "The model version is in use"


class GateRefused(Invalid):
    """The condition of a gate makes no sense for its model."""

    code = "gate_refused"
    title = "This gate cannot be used"


class GateExists(Conflict):
    """The model has a gate for this condition already."""

    code = "gate_exists"
    title = "The model has this gate already"


class ModelRefused(Invalid):
    """A file that somebody uploaded is no model that may be opened here."""

    code = "model_refused"
    title = "The model file cannot be used"


class SandboxFailed(Invalid):
    """The file was opened in a process of its own, and that did not end well."""

    code = "model_sandbox_failed"
    title = "The model file could not be tried"


class DeclarationRefused(Invalid):
    """What was said about a file's inputs and outputs does not fit the file."""

    code = "declaration_refused"
    title = "The signature does not fit the model file"


class ModelFileTooLarge(TooLarge):
    """A file that is larger than models may be."""

    code = "model_file_too_large"
    title = "The model file is too large"


class DataNotUsable(Invalid):
    """The rows that a model is to be measured on do not fit it."""

    code = "data_not_usable"
    title = "The model cannot be measured on this data"
