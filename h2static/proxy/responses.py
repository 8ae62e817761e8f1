"""Turns an upstream's response into the client's: its fields without those of the connection.

Contract: :class:`Responses` is pure, except for its cache.  Location, Content-Location and the
Domain of cookies are rewritten if the configuration says so.
"""

from __future__ import annotations

import re
from typing import Final

from h2static.http.fields import Field, Fields
from h2static.http.messages import Response
from h2static.http.semantics import CONNECTION_SPECIFIC, ResponseHead
from h2static.proxy.config import ProxyConfig, Target
from h2static.proxy.limits import DEFAULT_LIMITS, ProxyLimits
from h2static.proxy.paths import front_path

#: Fields of the connection to the upstream, and fields that the engine writes itself.
_LEFT_OUT: Final = CONNECTION_SPECIFIC | {
    b"alt-svc",
    b"content-length",
    b"date",
    b"http2-settings",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
}
_URL: Final = re.compile(rb"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?//([^/?#]*)([^?#]*)(.*)", re.DOTALL)
_DOMAIN: Final = re.compile(rb"[ \t]*domain[ \t]*=[^;]*", re.IGNORECASE)
_LOCATIONS: Final = frozenset((b"location", b"content-location"))


class Responses:
    """Makes fields for the clients of one prefix."""

    def __init__(self, config: ProxyConfig, limits: ProxyLimits = DEFAULT_LIMITS) -> None:
        self._config = config
        self._limits = limits
        #: The head is the same object only where its octets were the same.
        self._known: dict[tuple[ResponseHead, Target, bytes], Response] = {}
        #: Hashes of what was seen once.
        self._sighted: set[int] = set()
        domain = config.cookie_domain
        self._domain = None if domain is None else domain.encode("ascii")

    def whole(self, head: ResponseHead, target: Target, body: bytes) -> Response:
        """The response with which ``target`` has answered, all of whose content is ``body``; for
        the same head and content the same object, from the third time on."""
        key = (head, target, body)
        known = self._known.get(key)
        if known is not None:
            return known
        fields = self.fields(head, target)
        response = Response(
            status=head.status, fields=fields, body=body, early=True, source=target.name
        )
        if len(body) <= self._limits.remembered_body:
            sight = hash(key)
            if sight not in self._sighted:
                if len(self._sighted) >= self._limits.sighted:
                    self._sighted.clear()
                self._sighted.add(sight)
                return response
            if len(self._known) >= self._limits.remembered:
                self._known.clear()
            response.prepared = True
            self._known[key] = response
        return response

    def release(self) -> None:
        """Empty the cache."""
        self._known.clear()

    def fields(self, head: ResponseHead, target: Target) -> Fields:
        """The fields for a client where ``target`` has answered with ``head``."""
        fields: list[Field] = []
        for field in head.fields:
            name, value = field
            if name in _LEFT_OUT:
                continue
            if name in _LOCATIONS:
                field = (name, self._location(value, target))
            elif name == b"set-cookie" and self._domain is not None:
                field = (name, self._cookie(value, self._domain))
            fields.append(field)
        # RFC 9110 section 8.6: none "in any response with a status code of 1xx … or 204".
        if head.content_length is not None and head.status >= 200 and head.status != 204:
            fields.append((b"content-length", b"%d" % head.content_length))
        return tuple(fields)

    def _location(self, value: bytes, target: Target) -> bytes:
        """The URL that the client can request, if ``value`` is a URL of the target."""
        if not self._config.location:
            return value
        match = _URL.fullmatch(value)
        if match is None:
            return value
        scheme, authority, path, rest = match.groups()
        own = b"https" if target.secure else b"http"
        if (scheme or own).lower() != own or not _same(authority, target):
            return value
        return front_path(path or b"/", self._config.prefix, target.path) + rest

    def _cookie(self, value: bytes, domain: bytes) -> bytes:
        """A cookie with another domain (RFC 6265 section 5.2.3)."""
        parts = value.split(b";")
        kept = [parts[0]]
        for part in parts[1:]:
            if _DOMAIN.fullmatch(part) is None:
                kept.append(part)
            elif domain:
                kept.append(b" Domain=" + domain)
        return b";".join(kept)


def _same(authority: bytes, target: Target) -> bool:
    """Whether ``authority`` names ``target``, with its usual port or without."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    names = {target.authority.lower(), f"{host}:{target.port}".lower().encode("ascii")}
    return authority.lower() in names
