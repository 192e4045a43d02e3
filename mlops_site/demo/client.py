"""A small HTTP client, as an application that uses the site would have."""

from __future__ import annotations

import json
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_site.demo.data import demo_data
from mlops_site.demo.errors import DemoFailedError

ENDPOINT = "breast-cancer"
_TIMEOUT_SECONDS = 20.0
#: The web process learns of a new endpoint or token within a second; a few more for a busy machine.
_PATIENCE_SECONDS = 15.0
_WORTH_TRYING_AGAIN = frozenset({401, 404, 429, 503})


class SiteClient:
    """Asks a running site for predictions and tells it what really happened."""

    def __init__(self, base_url: str, token: str) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise DemoFailedError(f"'{base_url}' is not the address of a site.")
        self._base_url = base_url.rstrip("/")
        self._token = token

    def predict(self, instances: Sequence[Mapping[str, float]]) -> list[str]:
        """Return the prediction ids of these instances."""
        answer = self._post(f"/api/v1/endpoints/{ENDPOINT}/predict/", {"instances": instances})
        return [str(prediction_id) for prediction_id in answer["prediction_ids"]]

    def tell_truth(self, prediction_ids: Sequence[str], values: Sequence[str]) -> None:
        """Send what really happened.

        Raises
        ------
        DemoFailedError
            A label was not accepted.
        """
        pairs = zip(prediction_ids, values, strict=True)
        labels = [{"prediction_id": key, "value": value} for key, value in pairs]
        answer = self._post("/api/v1/ground-truth/", {"labels": labels})
        if answer["rejected"]:
            raise DemoFailedError(f"A label was not accepted: {answer['rejected'][0]}")

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 (the scheme was checked)
            self._base_url + path,
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                    decoded: dict[str, Any] = json.load(answer)
                    return decoded
            except urllib.error.HTTPError as error:
                said = error.read().decode(errors="replace")[:500]
                if error.code not in _WORTH_TRYING_AGAIN or time.monotonic() > give_up_at:
                    raise DemoFailedError(f"POST {path} answered {error.code}: {said}") from error
            except OSError as error:
                if time.monotonic() > give_up_at:
                    raise DemoFailedError(f"No answer from {self._base_url}: {error}") from error
            time.sleep(0.3)


def curl_line(base_url: str, token: str) -> str:
    """Return a line for a shell that asks the demo's endpoint about one real patient.

    Parameters
    ----------
    token
        An API token, or what the shell shall put in its place, such as ``$(./mlops token)``.
    """
    instance = demo_data().batches[0].instances[0]
    body = json.dumps({"instances": [instance]}, separators=(",", ":"))
    address = f"{base_url.rstrip('/')}/api/v1/endpoints/{ENDPOINT}/predict/"
    return (
        f"curl -s {shlex.quote(address)}"
        f' -H "Authorization: Bearer {token}" -H "Content-Type: application/json"'
        f" -d {shlex.quote(body)}"
    )
