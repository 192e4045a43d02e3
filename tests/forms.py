"""What a browser would send of a form."""

from __future__ import annotations

from html.parser import HTMLParser

from django.http import QueryDict


class _Reader(HTMLParser):
    def __init__(self, found: QueryDict) -> None:
        super().__init__()
        self.found = found
        self.name = self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and given.get("name"):
            if given.get("type") == "checkbox" and "checked" not in given:
                return
            usual = "on" if given.get("type") == "checkbox" else ""
            self.found.appendlist(given["name"], given.get("value", usual))
        if tag in ("textarea", "select"):
            self.name, self.text = given["name"], ""
        if tag == "option" and "selected" in given:
            self.found.appendlist(self.name, given["value"])

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            text = self.text.removeprefix("\r\n").removeprefix("\n").replace("\r\n", "\n")
            self.found.appendlist(self.name, text.replace("\n", "\r\n"))


def filled_in(html: str, found: QueryDict | None = None) -> QueryDict:
    """Return what a browser sends of the fields in a piece of HTML, as they stand there."""
    found = QueryDict(mutable=True) if found is None else found
    reader = _Reader(found)
    reader.feed(html)
    reader.close()
    return found
