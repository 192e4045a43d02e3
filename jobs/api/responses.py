"""The answer to a request for long work."""

from __future__ import annotations

from django.urls import reverse
from rest_framework.response import Response

from jobs.api.serializers import AcceptedJobSerializer
from jobs.models import Job


def accepted(job: Job) -> Response:
    """Return 202 with the job and its address in ``Location``."""
    location = reverse("job-detail", kwargs={"pk": str(job.pk)})
    return Response(
        AcceptedJobSerializer({"job": job}).data, status=202, headers={"Location": location}
    )
