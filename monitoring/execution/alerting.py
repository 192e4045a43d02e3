"""Opening alerts, one for each incident."""

from __future__ import annotations

from accounts import audit
from accounts.principals import Principal
from core.clock import now
from monitoring.models import Alert, AlertStatus, DriftReport

_MOST_NAMED = 5


def raise_drift_alert(*, principal: Principal, report: DriftReport, columns: list[str]) -> Alert:
    """Open an alert, or count one more occurrence of the one that is not resolved yet.

    A later quiet report does not resolve it: a person does.
    """
    fingerprint = f"drift:{report.model_version_id}"
    unresolved = (
        Alert.objects.select_for_update(of=("self",))
        .filter(endpoint=report.endpoint, fingerprint=fingerprint)
        .exclude(status=AlertStatus.RESOLVED)
        .first()
    )
    named = ", ".join(columns[:_MOST_NAMED])
    more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
    title = f"{report.endpoint.name}: {named}{more} drifted"[:300]
    detail = (
        f"{report.current_rows:,} predictions of {report.model_version} were compared with "
        f"{report.reference_rows:,} training rows."
    )
    if unresolved is not None:
        unresolved.occurrences += 1
        unresolved.title, unresolved.detail = title, detail
        unresolved.report = report
        unresolved.last_seen_at = now()
        unresolved.save()
        return unresolved
    alert = Alert.objects.create(
        project_id=report.endpoint.project_id,
        endpoint=report.endpoint,
        kind=Alert.Kind.DRIFT,
        fingerprint=fingerprint,
        title=title,
        detail=detail,
        report=report,
    )
    audit.record(principal=principal, action="alert.opened", target=alert, summary=title)
    return alert
