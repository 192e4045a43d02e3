"""The answer that sends an archive."""

from __future__ import annotations

from django.http import StreamingHttpResponse

from datasets.exploration.sending import Download, streamed
from serving.selectors.exports import Archive


def archive_response(archive: Archive) -> StreamingHttpResponse:
    """Return the answer that sends an archive piece by piece: an attachment that no browser interprets."""
    response = streamed(Download(archive.filename, "application/zip", archive.chunks))
    response["Content-Length"] = str(archive.size_bytes)
    response["ETag"] = f'"{archive.digest}"'
    return response
