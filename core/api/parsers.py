"""JSON in: strict, as RFC 8259 says (no ``NaN``, no trailing commas); forms with files that leave nothing when they break off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.http import UnreadablePostError
from rest_framework import parsers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    """Parse with orjson and say where the text stops being JSON."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body.

        Raises
        ------
        rest_framework.exceptions.ParseError
            The body is not JSON.
        """
        try:
            return orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}") from None


class MultiPartParser(parsers.MultiPartParser):
    """Parse a form with files, and remove what was received of them when the connection breaks off.

    Django leaves such files to the garbage collector: they take up room until it comes by, and for ever when
    the process is killed before.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed form and its files.

        Raises
        ------
        rest_framework.exceptions.ParseError
            The body is no form.
        django.http.UnreadablePostError
            The connection ended before the body did.
        """
        context = dict(parser_context or {})
        try:
            return super().parse(stream, media_type, context)
        except UnreadablePostError:
            for handler in context["request"].upload_handlers:
                handler.upload_interrupted()
            raise
