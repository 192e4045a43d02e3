"""A file that is made while it is sent, and the answer that sends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is made while it is sent; closing ``chunks`` gives its place back."""

    filename: str
    content_type: str
    chunks: Iterator[bytes]


def streamed(download: Download) -> StreamingHttpResponse:
    """Return the answer that sends the file: an attachment that no browser interprets."""
    response = StreamingHttpResponse(download.chunks, content_type=download.content_type)
    response["Content-Disposition"] = content_disposition_header(True, download.filename) or ""
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
