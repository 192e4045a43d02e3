"""What the log keeps of an endpoint's requests."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid
from models_registry.selectors import champion_of
from models_registry.signatures import Signature
from serving import execution
from serving.models import Endpoint
from serving.prediction_log.policy import WAYS
from serving.services.locking import lock_endpoint


@transaction.atomic
def change_log_policy(
    *,
    principal: Principal,
    endpoint: Endpoint,
    log_share: float | None = None,
    log_redaction: Mapping[str, str] | None = None,
    log_retention_days: int | None = None,
) -> Endpoint:
    """Change what an endpoint's log keeps; it counts within a second. None leaves as it is.

    Parameters
    ----------
    log_share
        0 to 1: the share of requests that the log keeps.
    log_redaction
        By column ``drop`` or ``hash``.
    log_retention_days
        Predictions of days before are deleted; 0: kept for ever.

    Raises
    ------
    Invalid
        A column is none of the model's, or a value is not one of those above.
    """
    principal.require(Permission.DEPLOY)
    locked = lock_endpoint(principal, endpoint)
    wanted: dict[str, object] = {}
    if log_share is not None:
        if not 0.0 <= log_share <= 1.0:
            raise Invalid("A share is between 0 and 1.", field="log_share")
        wanted["log_share"] = log_share
    if log_redaction is not None:
        _check_redaction(locked, log_redaction)
        wanted["log_redaction"] = dict(log_redaction)
    if log_retention_days is not None:
        wanted["log_retention_days"] = log_retention_days or None
    changes = {
        name: [getattr(locked, name), value]
        for name, value in wanted.items()
        if getattr(locked, name) != value
    }
    if not changes:
        return locked
    for name, (_, value) in changes.items():
        setattr(locked, name, value)
    locked.save(update_fields=list(changes))
    execution.announce_change()
    audit.record(
        principal=principal,
        action="endpoint.log_changed",
        target=locked,
        summary=locked.name,
        changes=changes,
    )
    return locked


def _check_redaction(endpoint: Endpoint, redaction: Mapping[str, str]) -> None:
    champion = champion_of(endpoint.model)
    known = set() if champion is None else set(Signature.from_dict(champion.signature).names)
    for name, way in redaction.items():
        if name not in known:
            raise Invalid(f"The model takes no column '{name}'.", field=f"log_redaction.{name}")
        if way not in WAYS:
            raise Invalid(f"Say one of: {', '.join(WAYS)}.", field=f"log_redaction.{name}")
