"""Addresses of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from mlops_site.health import livez, readyz
from mlops_site.metrics import metrics

_API_ROOMS = [
    "serving",  # first, because patterns are tried one by one, and nothing is asked as often
    "accounts",
    "jobs",
    "datasets",
    "experiments",
    "models_registry",
    "training",
    "monitoring",
    "retraining",
]

admin.autodiscover()

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("livez", livez),
    path("readyz", readyz),
    path("metrics", metrics),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    *[path("api/v1/", include(f"{room}.api.urls")) for room in _API_ROOMS],
    path("", include("serving.api.dialects.urls")),
]

handler400 = "mlops_site.error_views.bad_request"
handler403 = "mlops_site.error_views.permission_denied"
handler404 = "mlops_site.error_views.page_not_found"
handler500 = "mlops_site.error_views.server_error"
