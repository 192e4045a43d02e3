"""What the log keeps of an endpoint's requests."""

from __future__ import annotations

import hashlib

from django.conf import settings

from serving.models import Endpoint
from serving.prediction_log import LogPolicy


def policy_of(endpoint: Endpoint) -> LogPolicy:
    """Return an endpoint's policy."""
    return LogPolicy(
        share=endpoint.log_share,
        redaction=dict(endpoint.log_redaction),
        key=hash_key(endpoint.project_id),
        hides_entity=endpoint.entity_column in endpoint.log_redaction,
    )


def hash_key(project_id: int) -> bytes:
    """Return the key of the hashes in a project's log: made of the site's secret and the project.

    Equal values are equal in all logs of a project, and never between two of them.
    """
    said = f"prediction-log:{project_id}:{settings.SECRET_KEY}"
    return hashlib.sha256(said.encode()).digest()
