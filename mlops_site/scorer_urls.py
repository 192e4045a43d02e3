"""Addresses of a scorer: predictions in every dialect, and what supervisors and collectors ask.

Streams are not among them: each has a thread until it ends, and a scorer has few.
"""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from mlops_site.health import livez, readyz
from mlops_site.metrics import metrics
from serving.api.predicting import PredictView

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", livez),
    path("readyz", readyz),
    path("metrics", metrics),
    path("api/v1/endpoints/<str:name>/predict/", PredictView.as_view()),
    path("", include("serving.api.dialects.urls")),
]

handler400 = "mlops_site.error_views.bad_request"
handler403 = "mlops_site.error_views.permission_denied"
handler404 = "mlops_site.error_views.page_not_found"
handler500 = "mlops_site.error_views.server_error"
