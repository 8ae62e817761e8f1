"""Finding the resources that a page needs in its HTML.

Contract: :func:`targets_in` returns the style sheets, scripts, module scripts, fonts and preload
links that a page refers to, in page order and each once, with the attributes that determine how a
browser fetches them.  It never raises for any content, and reads a limited part of it.

Strategy: a scanner that visits every octet once splits the page into tags and raw text, as a
browser does; the few relevant tags go to the standard library's parser, which handles attributes
and character references.  That parser never gets whole pages, because it takes minutes for some
malformed ones (measured: 128 KiB of ``<a`` without an end, 117 s).  Resources that a browser would
not fetch immediately (templates, ``noscript``, ``nomodule``, alternate style sheets, data blocks)
are left out.  Inline style sheets are searched for ``@import`` and ``@font-face``; files are not
opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from h2static.site.hints.targets import (
    CrossOrigin,
    Destination,
    FetchPriority,
    PushTarget,
    Relation,
    make_target,
)
from h2static.site.limits import DEFAULTS, SiteLimits

#: An origin that no page uses: URLs that still have it after resolving belong to this site.
_HERE = "https://h2static.invalid"

_CLASSIC_SCRIPTS = frozenset(
    {
        "",
        "text/javascript",
        "application/javascript",
        "application/ecmascript",
        "text/ecmascript",
        "application/x-javascript",
    }
)
#: Elements whose content is text up to their end tag (HTML standard, 13.2.5.2 to 13.2.5.4);
#: ``noscript`` is one of them in browsers that run scripts.
_RAW_TEXT = frozenset(
    {
        b"iframe",
        b"noembed",
        b"noframes",
        b"noscript",
        b"script",
        b"style",
        b"textarea",
        b"title",
        b"xmp",
    }
)
#: Tags that are parsed; all others are skipped.
_PARSED = frozenset({b"base", b"link", b"script"})
#: Media that every screen matches, so the client need not decide.
_ALWAYS_MEDIA = frozenset({"", "all", "screen"})

# Bounded repetitions, so that a page cannot make them quadratic.
_FONT_FACE = re.compile(r"@font-face\s{0,20}\{([^}]{0,2000})\}", re.IGNORECASE)
_IMPORT = re.compile(
    r"""@import\s{1,20}(?:url\(\s{0,20})?["']?([^"')\s;]{1,2048})["']?\s{0,20}\)?\s{0,20};""",
    re.IGNORECASE,
)
_FONT_URL = re.compile(r"""url\(\s{0,20}["']?([^"')\s]{1,2048})""", re.IGNORECASE)

_NAME = re.compile(rb"<(/?[a-z][^\s/>]*)")
_TAG_PART = re.compile(rb""">|=\s*["']""")

Attributes = dict[str, str]


def targets_in(html: bytes, page: str, limits: SiteLimits = DEFAULTS) -> tuple[PushTarget, ...]:
    """The targets of the page ``html``, which is served at the path ``page`` (encoded, no
    query)."""
    reader = _Reader(page, limits)
    templates = 0
    for tag, text, content in _elements(html[: limits.html]):
        if tag == b"template":
            templates += 1
        elif tag == b"/template":
            templates = max(0, templates - 1)
        elif templates:
            continue
        elif tag == b"style":
            reader.read_style(content.decode("utf-8", "replace"))
        elif tag in _PARSED and len(text) <= limits.html_tag:
            # Reset after each tag: a script tag would make the parser wait for its end, and a tag
            # that the parser considers unfinished would be parsed again with every other one.
            reader.reset()
            reader.feed(text.decode("utf-8", "replace"))
    return tuple(reader.targets.values())


def _elements(text: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """The tags of a page in order: name, the tag itself, and its raw text.

    The name of an end tag begins with a slash.  Anything without an end takes the rest of the page,
    as in a browser, so that nothing is visited twice.
    """
    lower = text.lower()
    position = text.find(b"<")
    while 0 <= position < len(text):
        if text.startswith(b"<!--", position):
            # "<!-->" is a whole comment.
            position = text.find(b"-->", position + 2) + 3
            if position == 2:
                return
        elif (name := _NAME.match(lower, position)) is None:
            end = position + 1
            if text.startswith((b"<!", b"<?", b"</"), position):
                end = text.find(b">", position) + 1
                if not end:
                    return
            position = end
        else:
            tag = name[1]
            end = _end_of_tag(text, name.end())
            if not end:
                return
            start, position = position, end
            content = b""
            if tag in _RAW_TEXT:
                close = lower.find(b"</" + tag, end)
                position = close if close >= 0 else len(text)
                content = text[end:position]
            yield tag, text[start:end], content
        position = text.find(b"<", position)


def _end_of_tag(text: bytes, position: int) -> int:
    """The position after the tag at ``position``; 0 if it has no end."""
    while (match := _TAG_PART.search(text, position)) is not None:
        if match[0] == b">":
            return match.end()
        # A quoted value, opened by "=" and a quotation mark, may contain ">".
        position = text.find(match[0][-1:], match.end()) + 1
        if not position:
            return 0
    return 0


class _Reader(HTMLParser):
    """Collects targets from the tags that it is fed one at a time."""

    def __init__(self, page: str, limits: SiteLimits) -> None:
        self._limits = limits
        super().__init__(convert_charrefs=True)
        self._base = _HERE + page
        self._base_seen = False
        self.targets: dict[str, PushTarget] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read one tag."""
        # The first of two attributes with the same name applies (HTML standard, 13.2.5.33).
        attributes = {name: (value or "").strip() for name, value in reversed(attrs)}
        if tag == "base" and "href" in attributes and not self._base_seen:
            self._base_seen = True
            self._base = self._resolve(attributes["href"]) or self._base
        elif tag == "link":
            self._read_link(attributes)
        elif tag == "script":
            self._read_script(attributes)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read ``<link/>``; a slash means nothing on elements that have content."""
        self.handle_starttag(tag, attrs)

    def read_style(self, text: str) -> None:
        """Search the content of a style element for targets."""
        for match in _IMPORT.finditer(text):
            self._add(match[1], {}, Destination.STYLE, blocking=True)
        for face in _FONT_FACE.finditer(text):
            # A browser uses the first format that it supports, and the best one is listed first.
            url = _FONT_URL.search(face[1])
            if url is not None:
                self._add(url[1], {}, Destination.FONT)

    def _read_link(self, attributes: Attributes) -> None:
        relations = frozenset(attributes.get("rel", "").lower().split())
        href = attributes.get("href", "")
        if not href or "disabled" in attributes:
            return
        if "stylesheet" in relations and "alternate" not in relations:
            media = attributes.get("media", "").lower()
            self._add(href, attributes, Destination.STYLE, blocking=media in _ALWAYS_MEDIA)
        elif "modulepreload" in relations:
            self._add(href, attributes, Destination.SCRIPT, relation=Relation.MODULE_PRELOAD)
        elif "preload" in relations and "imagesrcset" not in attributes:
            try:
                destination = Destination(attributes.get("as", "").lower())
            except ValueError:
                return
            self._add(href, attributes, destination)

    def _read_script(self, attributes: Attributes) -> None:
        source = attributes.get("src", "")
        kind = attributes.get("type", "").lower()
        if not source or "nomodule" in attributes:
            return
        if kind == "module":
            self._add(source, attributes, Destination.SCRIPT, relation=Relation.MODULE_PRELOAD)
        elif kind in _CLASSIC_SCRIPTS:
            later = "async" in attributes or "defer" in attributes
            self._add(source, attributes, Destination.SCRIPT, blocking=not later)

    def _add(
        self,
        written: str,
        attributes: Attributes,
        destination: Destination,
        *,
        relation: Relation = Relation.PRELOAD,
        blocking: bool = False,
    ) -> None:
        url = self._resolve(written)
        if url is None or len(self.targets) >= self._limits.html_targets:
            return
        media = attributes.get("media", "")
        try:
            target = make_target(
                url.removeprefix(_HERE),
                destination=destination,
                relation=relation,
                crossorigin=_cross_origin(attributes),
                fetchpriority=_fetch_priority(attributes),
                type=attributes.get("type") if destination is Destination.FONT else None,
                media=None if media.lower() in _ALWAYS_MEDIA else media,
                integrity=attributes.get("integrity") or None,
                blocking=blocking,
                limits=self._limits,
            )
        except ValueError:
            # A URL or attribute that cannot be sent in a field: leave it to the browser.
            return
        self.targets.setdefault(target.url, target)

    def _resolve(self, written: str) -> str | None:
        """``written`` as an absolute URL; ``None`` if it is not fetched over HTTP."""
        try:
            url = urljoin(self._base, written.strip().replace("\\", "/"))
            return url if urlsplit(url).scheme in ("http", "https") else None
        except ValueError:
            return None


def _cross_origin(attributes: Attributes) -> CrossOrigin | None:
    value = attributes.get("crossorigin")
    if value is None:
        return None
    # HTML standard, 2.5.4: any other value means anonymous.
    is_credentials = value.lower() == CrossOrigin.USE_CREDENTIALS
    return CrossOrigin.USE_CREDENTIALS if is_credentials else CrossOrigin.ANONYMOUS


def _fetch_priority(attributes: Attributes) -> FetchPriority:
    try:
        return FetchPriority(attributes.get("fetchpriority", "").lower())
    except ValueError:
        return FetchPriority.AUTO
