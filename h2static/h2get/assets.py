"""The assets that a page refers to: style sheets, scripts, images, icons.

Contract: :func:`find_assets` accepts any octets that a server calls HTML, and never fails.

Strategy: the parser of the standard library, which is as tolerant as browsers.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

from h2static.client import URL, ClientError

#: Relations of ``link`` that a browser loads immediately.
_LOADED: Final = frozenset(("stylesheet", "icon", "preload", "modulepreload"))
#: Element -> attribute that names what it shows or runs.
_SOURCES: Final = {
    "script": "src", "img": "src", "input": "src", "source": "src", "video": "poster",
}  # fmt: skip


class _Finder(HTMLParser):
    """Gathers references, and the base that they are relative to."""

    def __init__(self) -> None:
        super().__init__()
        self.base: str | None = None
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        values = dict(reversed(attrs))
        if tag == "base" and self.base is None:
            self.base = values.get("href")
        elif tag == "link":
            relations = (values.get("rel") or "").lower().split()
            if _LOADED.intersection(relations):
                self._add(values.get("href"))
        elif tag in _SOURCES and (tag != "input" or values.get("type") == "image"):
            self._add(values.get(_SOURCES[tag]))

    def _add(self, reference: str | None) -> None:
        if reference:
            self.found.append(reference)


def find_assets(page: bytes, url: URL) -> list[URL]:
    """The assets of the page at ``url``, in order, without duplicates."""
    finder = _Finder()
    finder.feed(page.decode("utf-8", "replace"))
    base = url
    if finder.base is not None:
        base = _joined(url, finder.base) or url
    found = [_joined(base, reference) for reference in finder.found]
    return list(dict.fromkeys(one for one in found if one is not None))


def _joined(base: URL, reference: str) -> URL | None:
    """The URL that ``reference`` means; ``None`` if it is not an HTTP URL."""
    try:
        return base.join(reference)
    except (ClientError, ValueError):
        return None
