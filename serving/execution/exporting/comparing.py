"""Asking a server in every dialect, and putting its answers beside the site's own."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any, TypedDict
from urllib.parse import urlsplit

from core.errors import DomainError
from jobs.execution import JobContext
from models_registry.signatures import Columns
from serving.errors import ExportDisproved
from serving.exporting.asking import Question, apart, questions, wrong_question
from serving.protocols import Envelope, Payload
from serving.protocols.exchange import refusal
from serving.protocols.open_inference import JSON_BYTES_HEADER
from serving.standalone import StandaloneModel

#: Two numbers (relative to max(1, |number|)) are the same up to the last bits of a double.
SAME = 1e-12
_ASK_SECONDS = 60.0


class RefusalLine(TypedDict):
    """How a request that does not fit was refused."""

    status: int
    passed: bool


def compare_dialects(
    address: str, site: StandaloneModel, kinds: Mapping[str, Columns], context: JobContext
) -> tuple[list[dict[str, Any]], RefusalLine]:
    """Return for each dialect and kind of rows how far the server's answers are from the site's.

    Parameters
    ----------
    address
        Scheme, host and port of the server.
    site
        The version as the site answers with it.
    """
    lines: list[dict[str, Any]] = []
    for done, (kind, rows) in enumerate(kinds.items()):
        for question in questions(rows, site.name):
            context.progress(0.6 + 0.35 * done / len(kinds), "asking the server", question.dialect)
            lines.append(
                {"dialect": question.dialect, "kind": kind, **_asked(address, site, question)}
            )
    wrong = wrong_question(site.name)
    status, body = _ask(address, wrong)
    expected = _expected(site, wrong)
    return lines, {
        "status": status,
        "passed": (status, body) == (expected.status, expected.body) and status >= 400,
    }


def _asked(address: str, site: StandaloneModel, question: Question) -> dict[str, Any]:
    status, body = _ask(address, question)
    expected = _expected(site, question)
    if status != 200 or expected.status != 200:  # a graph may know no answer to some rows
        is_same = (status, body) == (expected.status, expected.body)
        return {
            "rows": question.rows,
            "status": status,
            "mismatches": 0 if is_same else question.rows,
            "largest_difference": 0.0,
            "passed": is_same,
        }
    found = apart(expected.body, body)
    return {
        "rows": question.rows,
        "status": status,
        "mismatches": found.mismatches,
        "largest_difference": min(found.largest_difference, 1e300),
        "passed": found.mismatches == 0 and found.largest_difference <= SAME,
    }


def _expected(site: StandaloneModel, question: Question) -> Payload:
    """Return the site's own answer."""
    length = question.headers.get(JSON_BYTES_HEADER)
    envelope = Envelope(
        question.body,
        question.headers.get("Content-Type", ""),
        None if length is None else int(length),
    )
    try:
        return site.answer(envelope, question.codec)
    except DomainError as error:
        return refusal(error, question.codec)


def _ask(address: str, question: Question) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=_ASK_SECONDS)
    try:
        connection.request("POST", question.path, question.body, dict(question.headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ExportDisproved(
            f"The server of the bundle did not answer ({question.dialect}): {error}"
        ) from error
    finally:
        connection.close()
