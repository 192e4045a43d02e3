"""Files at web addresses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from django.conf import settings as site

from core.outbound import Bounds, HostNotAllowed, checked_url, fetch
from datasets.errors import SourceNotAllowed
from datasets.sources.asking import Fetched, FetchedFile, Item, SettingField, SourceRequest


class WebFile:
    """One file, fetched by ``GET``; switched on by ``SOURCE_HTTP``."""

    label = "Web address"
    fields = (
        SettingField(
            "url",
            "Address",
            "https://… of one file, without what follows a question mark.",
            is_required=True,
            binds_secrets=True,
        ),
        SettingField(
            "query",
            "Query string",
            "What follows the question mark; kept secret, because signed addresses hold a key.",
            is_secret=True,
        ),
        SettingField(
            "token", "Bearer token", "Sent as Authorization to this host only.", is_secret=True
        ),
    )

    def check(
        self, *, project_id: int, settings: Mapping[str, str], secrets: Mapping[str, str]
    ) -> None:
        if not site.SOURCE_HTTP:
            raise SourceNotAllowed(
                "Sources at web addresses are switched off (SOURCE_HTTP).", field="kind"
            )
        if "?" in settings["url"] or "#" in settings["url"]:
            raise SourceNotAllowed("The query has a field of its own.", field="settings.url")
        try:
            checked_url(_full(settings, secrets))
        except HostNotAllowed as error:
            raise SourceNotAllowed(error.message, field="settings.url") from error
        token = secrets.get("token", "")
        if not token.isascii() or not token.isprintable():
            raise SourceNotAllowed("A token is printable ASCII.", field="secrets.token")

    def address(self, settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
        """Return the address without its query."""
        return settings["url"] + ("?…" if secrets.get("query") else "")

    def fetch(self, request: SourceRequest) -> Fetched:
        self.check(
            project_id=request.project_id, settings=request.settings, secrets=request.secrets
        )
        is_look = request.first_rows is not None
        bounds = Bounds(
            max_bytes=site.SOURCE_LOOK_BYTES if is_look else site.UPLOAD_MAX_BYTES,
            total_seconds=30.0 if is_look else site.SOURCE_HTTP_SECONDS,
            wait_seconds=10.0 if is_look else 30.0,
            private_networks=site.SOURCE_HTTP_PRIVATE_NETWORKS,
        )
        token = request.secrets.get("token")
        headers = {"Authorization": f"Bearer {token}"} if token else None
        path = request.scratch / "answer"
        digest, size = hashlib.sha256(), 0
        with path.open("xb") as target:
            for piece in fetch(
                _full(request.settings, request.secrets), bounds=bounds, headers=headers
            ):
                target.write(piece)
                digest.update(piece)
                size += len(piece)
                request.progress(0.0, "fetching")
        name = PurePosixPath(unquote(urlsplit(request.settings["url"]).path)).name[-150:] or "file"
        item = Item(name, size, digest.hexdigest())
        return Fetched(
            address=self.address(request.settings, request.secrets),
            files=tuple(FetchedFile(path, name) for _ in request.new_items([item])),
            items=(item,),
        )


def _full(settings: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    query = secrets.get("query", "").strip().removeprefix("?")
    return settings["url"] + (f"?{query}" if query else "")
