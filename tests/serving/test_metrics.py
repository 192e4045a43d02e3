"""``/metrics``: counts by endpoint and version, for those who know the token."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings
from rest_framework.test import APIClient

from serving.models import Endpoint
from tests.serving.versions import ROW
from tests.serving.wire import answered, secret_of

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
TOKEN = {"Authorization": "Bearer let-me-see"}


def test_metrics_are_there_for_those_who_know_the_token(client: Client, settings: Settings) -> None:
    assert client.get("/metrics", headers=TOKEN).status_code == 404
    settings.METRICS_TOKEN = "let-me-see"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer ünknown"}).status_code == 401
    assert client.get("/metrics", headers=TOKEN).status_code == 200


def test_predictions_are_counted_by_endpoint_version_dialect_and_status(
    api: Api, client: Client, churn: Endpoint, settings: Settings
) -> None:
    settings.METRICS_TOKEN = "let-me-see"
    secret = secret_of(api())
    answered(secret, {"instances": [ROW] * 3}, "/api/v1/endpoints/churn/predict/")
    answered(secret, {"instances": [ROW]}, "/v1/models/churn:predict")
    answered(secret, {"instances": []}, "/v1/models/churn:predict")
    text = client.get("/metrics", headers=TOKEN).content.decode()
    samples = {
        (one.name, one.labels.get("dialect"), one.labels.get("status"), one.labels.get("le")): one
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }
    requests = "mlops_prediction_requests_total"
    assert samples[requests, "native", "200", None].value == 1
    assert samples[requests, "tensorflow", "200", None].value == 1
    assert samples[requests, "tensorflow", "400", None].value == 1
    rows = samples["mlops_predictions_total", "native", None, None]
    assert rows.value == 3
    assert rows.labels == {
        "project": churn.project.slug,
        "endpoint": "churn",
        "version": "1",
        "role": "champion",
        "group": "",
        "dialect": "native",
    }
    assert samples["mlops_prediction_seconds_bucket", "native", None, "+Inf"].value == 1
    assert samples["mlops_loaded_models", None, None, None].value == 1
    assert samples["mlops_prediction_log_bytes", None, None, None].value > 0
