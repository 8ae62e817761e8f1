"""Push targets: resources that a client will need, prepared for every way of delivery.

Contract: a :class:`PushTarget` is complete when it is created.  It has the ``:path`` of a
PUSH_PROMISE (RFC 9113 section 8.4), the link-value of a Link field (RFC 8288 section 3), and the
data for the order of sending.  All of it is ASCII and safe to send, whatever a user's file
contains; anything unsafe raises ``ValueError`` with a one-line message.

Strategy: a URL is normalized once, here.  Missing values (``as``, ``crossorigin``) follow from the
file's extension, because a browser fetches a preload again if either differs from the later fetch.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from h2static.http.grammar import TOKEN, is_authority
from h2static.site.limits import DEFAULTS, SiteLimits

#: Lowest and highest urgency (RFC 9218 section 4.1); lower numbers come first.
_MIN_URGENCY, _MAX_URGENCY = 0, 7

#: RFC 3986: unreserved, sub-delims, further characters of a path and a query, and escapes.
_NOT_URL = re.compile(rb"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]")
#: RFC 9110 section 5.6.4, without characters outside ASCII.
_QUOTABLE = re.compile(r"[\t\x20-\x7e]*")


class Destination(StrEnum):
    """``as`` of a preload: the destination of the fetch to come (Fetch standard, 2.2.5)."""

    AUDIO = "audio"
    DOCUMENT = "document"
    FETCH = "fetch"
    FONT = "font"
    IMAGE = "image"
    SCRIPT = "script"
    STYLE = "style"
    TRACK = "track"
    VIDEO = "video"


class Relation(StrEnum):
    """``rel`` of a Link: module scripts are fetched by different rules than classic ones."""

    PRELOAD = "preload"
    MODULE_PRELOAD = "modulepreload"


class CrossOrigin(StrEnum):
    """``crossorigin`` of the fetch to come; without it the fetch is not a CORS request."""

    ANONYMOUS = "anonymous"
    USE_CREDENTIALS = "use-credentials"


class FetchPriority(StrEnum):
    """``fetchpriority`` of the fetch to come."""

    HIGH = "high"
    LOW = "low"
    AUTO = "auto"


#: Browsers preload only these (HTML standard, "preload destination"); a Link for others is useless.
_PRELOADED = frozenset(
    {
        Destination.FETCH,
        Destination.FONT,
        Destination.IMAGE,
        Destination.SCRIPT,
        Destination.STYLE,
        Destination.TRACK,
    }
)
#: Fetched in CORS mode even from the same origin: a preload without it would not be used.
_ALWAYS_CORS = frozenset({Destination.FONT, Destination.FETCH})

_BY_EXTENSION = {
    extension: destination
    for destination, extensions in {
        Destination.AUDIO: "mp3 ogg opus wav flac m4a",
        Destination.DOCUMENT: "html htm xhtml",
        Destination.FETCH: "json wasm webmanifest",
        Destination.FONT: "woff2 woff ttf otf",
        Destination.IMAGE: "png jpg jpeg gif webp avif svg ico bmp",
        Destination.SCRIPT: "js mjs",
        Destination.STYLE: "css",
        Destination.TRACK: "vtt",
        Destination.VIDEO: "mp4 webm ogv mov",
    }.items()
    for extension in extensions.split()
}


def normalise_url(text: str, limits: SiteLimits = DEFAULTS) -> str:
    """Normalize a URL for sending: percent-encoded, without dot segments and fragment.

    A path of this site begins with ``/``; ``http:``, ``https:`` and ``//host`` name other origins.

    Raises ``ValueError``: empty, too long, relative, another scheme, or not a URL at all.
    """
    if not text:
        raise ValueError("an empty target")
    if any(character < " " or character == "\x7f" for character in text):
        raise ValueError(f"control characters in {text!r}")
    try:
        parts = urlsplit(text.strip())
    except ValueError as error:
        raise ValueError(f"{text!r} is not a URL: {error}") from None
    if parts.scheme not in ("", "http", "https") or (parts.scheme and not parts.netloc):
        raise ValueError(f"{text!r}: the scheme is not http or https")
    if parts.netloc and not is_authority(parts.netloc.encode("latin-1", "replace")):
        raise ValueError(f"{text!r}: malformed host")
    if not parts.netloc and not parts.path.startswith("/"):
        raise ValueError(f"{text!r} does not start with /")
    path = _encode(_without_dot_segments(parts.path or "/"))
    query = f"?{_encode(parts.query)}" if parts.query else ""
    scheme = f"{parts.scheme}:" if parts.scheme else ""
    origin = f"{scheme}//{parts.netloc.lower()}" if parts.netloc else ""
    url = origin + path + query
    if len(url) > limits.url:
        raise ValueError(f"a target of {len(url)} octets; the limit is {limits.url}")
    return url


def _encode(text: str) -> str:
    """Percent-encode what RFC 3986 does not allow, including ``%`` if it begins no escape."""
    octets = text.encode("utf-8", "surrogateescape")
    return _NOT_URL.sub(lambda match: b"%%%02X" % match[0][0], octets).decode("ascii")


def _without_dot_segments(path: str) -> str:
    """Remove dot segments (RFC 3986 section 5.2.4), never leaving the root; merge slashes."""
    if "/." not in path and "//" not in path:
        return path
    resolved = posixpath.normpath("/" + path.lstrip("/"))
    directory = path.endswith(("/", "/.", "/.."))
    return resolved + "/" if directory and resolved != "/" else resolved


def destination_of(url: str) -> Destination | None:
    """The destination that a URL's extension implies; ``None`` if none."""
    return _BY_EXTENSION.get(_extension(url))


def _extension(url: str) -> str:
    name = url.partition("?")[0].rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _parameter(name: str, value: str) -> str:
    """A parameter of a link-value, quoted if it is not a token (RFC 8288 section 3)."""
    if TOKEN.fullmatch(value.encode("latin-1", "replace")):
        return f"; {name}={value}"
    if not _QUOTABLE.fullmatch(value):
        raise ValueError(f"{name} {value!r} contains characters that a field cannot carry")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'; {name}="{escaped}"'


@dataclass(slots=True, kw_only=True, frozen=True)
class PushTarget:
    """A resource that a client will need after a response.

    Created by :func:`make_target`, which fills in missing values.
    """

    #: The URL, normalized by :func:`normalise_url`.
    url: str
    destination: Destination | None = None
    relation: Relation = Relation.PRELOAD
    crossorigin: CrossOrigin | None = None
    fetchpriority: FetchPriority = FetchPriority.AUTO
    #: Media type; a client that does not support it does not preload.
    type: str | None = None
    #: Media query; only the client can evaluate it, so such a target is never pushed.
    media: str | None = None
    #: Subresource Integrity metadata; a preload without it would be fetched again.
    integrity: str | None = None
    #: Whether it blocks rendering of the page.
    blocking: bool = False
    #: The link-value; empty if browsers would ignore it.
    link: bytes = field(init=False, compare=False, repr=False)
    #: ``:path`` of a promise; meaningful only if :attr:`pushable` is true.
    path: bytes = field(init=False, compare=False, repr=False)
    #: Whether it may be pushed at all.
    #:
    #: RFC 9113 section 8.4: "The server MUST include a value in the ":authority" pseudo-header
    #: field for which the server is authoritative": that is, only targets of the same origin.
    pushable: bool = field(init=False, compare=False, repr=False)
    _urgencies: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # A page gets all of its targets each time that it is sent.
        url, assign = self.url, object.__setattr__
        assign(self, "link", self._format_link())
        assign(self, "path", url.encode("ascii", "replace"))
        pushable = url.startswith("/") and not url.startswith("//") and self.media is None
        assign(self, "pushable", pushable)
        offset = -1 if self.blocking else 2 if self.destination is Destination.IMAGE else 1
        offset += {FetchPriority.HIGH: -1, FetchPriority.LOW: 1, FetchPriority.AUTO: 0}[
            self.fetchpriority
        ]
        every = range(_MIN_URGENCY, _MAX_URGENCY + 1)
        urgencies = [min(max(one + offset, _MIN_URGENCY), _MAX_URGENCY) for one in every]
        assign(self, "_urgencies", tuple(urgencies))

    def urgency(self, parent: int) -> int:
        """The urgency of a push relative to its parent's (RFC 9218 section 4.1).

        Render-blocking targets come before the parent's content, others after it, images last.
        """
        return self._urgencies[parent]

    def _format_link(self) -> bytes:
        module = self.relation is Relation.MODULE_PRELOAD
        parts = [f"<{self.url}>; rel={self.relation.value}"]
        if self.destination is not None and not (module and self.destination is Destination.SCRIPT):
            parts.append(_parameter("as", self.destination.value))
        if self.crossorigin is CrossOrigin.ANONYMOUS:
            parts.append("; crossorigin")
        elif self.crossorigin is not None:
            parts.append(_parameter("crossorigin", self.crossorigin.value))
        if self.fetchpriority is not FetchPriority.AUTO:
            parts.append(_parameter("fetchpriority", self.fetchpriority.value))
        parts += [
            _parameter(name, value)
            for name, value in (
                ("type", self.type),
                ("media", self.media),
                ("integrity", self.integrity),
            )
            if value is not None
        ]
        # After building the parts: parameters are checked even if there is no link.
        is_preloaded = module or self.destination in _PRELOADED
        return "".join(parts).encode("ascii") if is_preloaded else b""


def make_target(
    url: str,
    *,
    destination: Destination | None = None,
    relation: Relation | None = None,
    crossorigin: CrossOrigin | None = None,
    fetchpriority: FetchPriority = FetchPriority.AUTO,
    type: str | None = None,  # noqa: A002  the name it has in HTML and in rules
    media: str | None = None,
    integrity: str | None = None,
    blocking: bool | None = None,
    limits: SiteLimits = DEFAULTS,
) -> PushTarget:
    """Create a target, filling in missing values from its URL.

    Raises ``ValueError`` for a URL or parameter that cannot be sent.
    """
    url = normalise_url(url, limits)
    if destination is None and relation is not Relation.MODULE_PRELOAD:
        destination = destination_of(url)
    if relation is None:
        is_module = destination is Destination.SCRIPT and _extension(url) == "mjs"
        relation = Relation.MODULE_PRELOAD if is_module else Relation.PRELOAD
    if crossorigin is None and destination in _ALWAYS_CORS:
        crossorigin = CrossOrigin.ANONYMOUS
    if blocking is None:
        blocking = relation is Relation.PRELOAD and destination in (
            Destination.STYLE,
            Destination.SCRIPT,
        )
    return PushTarget(
        url=url,
        destination=destination,
        relation=relation,
        crossorigin=crossorigin,
        fetchpriority=fetchpriority,
        type=type,
        media=media,
        integrity=integrity,
        blocking=blocking,
    )
