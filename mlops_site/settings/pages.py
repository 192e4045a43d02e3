"""The admin's pages."""

from __future__ import annotations

from typing import Any

from mlops_site.navigation import NAVIGATION
from mlops_site.settings.storage import STATIC_URL

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "MLOps site",
    "SITE_HEADER": "MLOps site",
    "SITE_SUBHEADER": "The model life cycle",
    "SITE_URL": None,
    "SITE_SYMBOL": "deployed_code",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}site/favicon.svg"}
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "mlops_site.dashboard.dashboard_context",
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
}
