"""An example of a request, made from a signature alone."""

from __future__ import annotations

import json
from typing import Any

from models_registry.models import ModelVersion
from models_registry.signatures import Field, Signature


def example_instance(signature: Signature) -> dict[str, Any]:
    """Return an instance that the signature accepts."""
    return {field.name: _value(field) for field in signature.inputs}


def example_request(name: str, version: ModelVersion) -> str:
    """Return a curl line that asks an endpoint, with a place for the token."""
    instance = example_instance(Signature.from_dict(version.signature))
    body = json.dumps({"instances": [instance]}, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/json' "
        f"-d '{body}' http://…/api/v1/endpoints/{name}/predict/"
    )


def _value(field: Field) -> Any:
    if field.format is not None:
        return "2026-01-31T08:30:00Z"
    if field.type == "string":
        return field.categories[0] if field.categories else "text"
    return {"number": 0.5, "integer": 1, "boolean": True}[field.type]
