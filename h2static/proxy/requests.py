"""Requests to upstreams, built from validated parts, never from octets that a client framed.

Contract: :class:`Requests` turns a client's request into one to an upstream; :class:`Refused` says
why that is impossible.  Fields of the client's connection are removed (RFC 9110 section 7.6.1);
fields about the client contain what we know, whatever the client sent: only trusted proxies are
believed, and their values extended.

Strategy: the engine of the upstream's protocol frames the content again.  The results of repeated
requests are cached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from h2static.http.addresses import parse_address
from h2static.http.fields import Field, Fields
from h2static.http.forwarded import origin_of
from h2static.http.requests import Client, Request
from h2static.http.semantics import CONNECTION_SPECIFIC
from h2static.proxy.config import ProxyConfig, Target
from h2static.proxy.limits import DEFAULT_LIMITS, ProxyLimits
from h2static.proxy.paths import upstream_path
from h2static.websocket.handshake import PROTOCOL

#: Fields that concern one connection, are generated again, or were handled here.
_LEFT_OUT: Final = CONNECTION_SPECIFIC | {
    b"content-length",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"http2-settings",
    b"max-forwards",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"via",
    b"x-real-ip",
}
_FORWARDED: Final = b"x-forwarded-"
#: Fields of the opening handshake that are not passed on: the key proves something to one hop only
#: (RFC 6455 section 4.1).
_OF_HANDSHAKE: Final = frozenset((b"sec-websocket-key", b"sec-websocket-version"))
#: The recipient's name in a member of Via (RFC 9110 section 7.6.3).
_RECEIVED_BY: Final = re.compile(rb"(?:[^\s/]+/)?[^\s/]+[ \t]+([^\s,(]+)")
#: RFC 7239 section 4: what a parameter may have without quotation marks.
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class Refused(Exception):
    """The request is not passed on, and gets a response of :attr:`status`."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(slots=True, kw_only=True, eq=False)
class Outgoing:
    """A request to an upstream."""

    request: Request
    #: Octets of content that the client has announced.
    length: int | None


class Requests:
    """Makes the requests to the upstreams of one prefix."""

    def __init__(
        self, config: ProxyConfig, pseudonym: str, limits: ProxyLimits = DEFAULT_LIMITS
    ) -> None:
        """``pseudonym``: the name of this server in Via, which must be unique."""
        self._config = config
        self._pseudonym = pseudonym.encode("ascii")
        self._limits = limits
        self._set = {name: value for name, value in config.headers if name != b"host"}
        self._host = next((value for name, value in config.headers if name == b"host"), b"")
        self._rewrite = [
            (re.compile(pattern.encode("utf-8")), replacement.encode("utf-8"))
            for pattern, replacement in config.rewrite
        ]
        self._known: dict[tuple[Request, str, Target], Outgoing] = {}

    def release(self) -> None:
        """Empty the cache."""
        self._known.clear()

    def make(self, request: Request, client: Client, target: Target) -> Outgoing:
        """The request to ``target`` for the request of ``client``.  Raises :class:`Refused`."""
        if not request.repeats or client.proxies is not None:
            return self._make(request, client, target)
        key = (request, client.host, target)
        known = self._known.get(key)
        if known is None:
            known = self._make(request, client, target)
            if len(self._known) >= self._limits.remembered:
                self._known.clear()
            self._known[key] = known
        return known

    def _make(self, request: Request, client: Client, target: Target) -> Outgoing:
        config = self._config
        path = upstream_path(request.path, config.prefix, target.path, self._rewrite)
        if path is None:
            raise Refused(400, "the path is under the prefix only when decoded twice")
        fields: list[Field] = []
        cookies: list[bytes] = []
        te = False
        length: int | None = None
        for field in request.fields:
            name, value = field
            if name in _LEFT_OUT or name.startswith(_FORWARDED):
                if name == b"cookie":
                    cookies.append(value)
                elif name == b"te":
                    te = te or _takes_trailers(value)
                elif name == b"content-length":
                    # The engine has seen that it is one number.
                    length = int(value)
                elif name == b"max-forwards":
                    fields += _fewer_forwards(request.method, value)
            elif b"_" in name and self._imitates(name.replace(b"_", b"-")):
                # CGI and WSGI know no difference.
                continue
            elif name not in self._set:
                fields.append(field)
        if cookies:
            # RFC 9113 section 8.2.3: "these MUST be concatenated into a single octet string using
            # the two-octet delimiter of 0x3b, 0x20" before they are passed into another context.
            fields.append((b"cookie", b"; ".join(cookies)))
        if te:
            fields.append((b"te", b"trailers"))
        if length is not None and request.method != b"CONNECT":
            fields.append((b"content-length", b"%d" % length))
        if request.protocol:
            fields = self._of_handshake(fields, target)
        fields += self._of_hops(request, client)
        fields += [field for field in self._set.items() if field[1]]
        return Outgoing(
            request=Request(
                method=request.method,
                scheme=b"https" if target.secure else b"http",
                authority=self._authority(request, target),
                path=path,
                fields=tuple(fields),
                protocol=request.protocol,
                repeats=request.repeats,
            ),
            length=length,
        )

    def _imitates(self, name: bytes) -> bool:
        """Whether ``name``, in which hyphens stand for underscores, is one that we vouch for."""
        return name in _LEFT_OUT or name.startswith(_FORWARDED) or name in self._set

    def _authority(self, request: Request, target: Target) -> bytes:
        if self._host:
            return self._host
        if not request.authority or self._config.changes_origin(target):
            return target.authority
        return request.authority

    def _of_handshake(self, fields: list[Field], target: Target) -> list[Field]:
        """``fields`` as they go with a WebSocket."""
        kept = [field for field in fields if field[0] not in _OF_HANDSHAKE]
        if self._config.rewrite_ws_origin:
            scheme = b"https" if target.secure else b"http"
            origin = (b"origin", b"%b://%b" % (scheme, target.authority))
            kept = [origin if name == b"origin" else (name, value) for name, value in kept]
        return kept

    # ------------------------------------------------------------------ those on the way

    def _of_hops(self, request: Request, client: Client) -> Fields:
        """Fields about the client, its host, and previous proxies.  Raises :class:`Refused`."""
        trusted = client.proxies is not None
        host = client.host.encode("ascii", "replace")
        fields: list[Field] = []
        believed = _believed(request) if trusted else {}
        for_whom = [value for value in (*believed.pop(b"x-forwarded-for", ()), host) if value]
        if for_whom:
            fields.append((b"x-forwarded-for", b", ".join(for_whom)))
        scheme = origin_of(client, request).scheme.encode("latin-1") or b"http"
        fields.append(
            (b"x-forwarded-proto", b", ".join(believed.pop(b"x-forwarded-proto", ())) or scheme)
        )
        asked = b", ".join(believed.pop(b"x-forwarded-host", ())) or request.authority
        if asked:
            fields.append((b"x-forwarded-host", asked))
        forwarded = believed.pop(b"forwarded", ())
        if forwarded:
            element = _element(client.host, request.authority, request.scheme)
            fields.append((b"forwarded", b", ".join((*forwarded, element))))
        fields += [(name, b", ".join(values)) for name, values in believed.items()]
        fields.append((b"via", self._via(request, client)))
        return tuple(fields)

    def _via(self, request: Request, client: Client) -> bytes:
        members = [
            member
            for name, value in request.fields
            if name == b"via"
            for part in value.split(b",")
            if (member := part.strip(b" \t"))
        ]
        if len(members) >= self._limits.hops:
            raise Refused(508, f"more than {self._limits.hops} proxies in Via")
        for member in members:
            found = _RECEIVED_BY.match(member)
            if found is not None and found[1] == self._pseudonym:
                raise Refused(508, "the request has been through this proxy before")
        version = b"1.0" if request.old else client.version.rpartition("/")[2].encode("ascii")
        return b", ".join([*members, b"%b %b" % (version, self._pseudonym)])


def _takes_trailers(value: bytes) -> bool:
    """Whether TE accepts trailers (RFC 9110 section 10.1.4)."""
    return any(part.strip(b" \t").lower() == b"trailers" for part in value.split(b","))


def _fewer_forwards(method: bytes, value: bytes) -> Fields:
    """Max-Forwards with one less.  Raises :class:`Refused` at its end.

    RFC 9110 section 7.6.2: "If the received value is zero (0), the intermediary MUST NOT forward
    the request; instead, the intermediary MUST respond as the final recipient."
    """
    if method not in (b"OPTIONS", b"TRACE") or not value.isdigit() or len(value) > 9:
        return ((b"max-forwards", value),)
    if not int(value):
        raise Refused(501, "Max-Forwards is 0")
    return ((b"max-forwards", b"%d" % (int(value) - 1)),)


def _believed(request: Request) -> dict[bytes, tuple[bytes, ...]]:
    """The values of a trusted proxy about earlier hops, by field."""
    found: dict[bytes, tuple[bytes, ...]] = {}
    for name, value in request.fields:
        is_one = name.startswith(_FORWARDED) or name in (b"forwarded", b"x-real-ip")
        if is_one and value:
            found[name] = (*found.get(name, ()), value)
    return found


def _element(host: str, authority: bytes, scheme: bytes) -> bytes:
    """An element of Forwarded (RFC 7239 section 4)."""
    try:
        node = f'"[{host}]"' if parse_address(host).version == 6 else host
    except ValueError:
        node = "unknown"
    shown = authority if _TOKEN.fullmatch(authority) else b'"%b"' % authority
    pairs = [b"for=" + node.encode("ascii"), b"proto=" + scheme]
    return b";".join([*pairs, b"host=" + shown] if authority else pairs)


def asks_for_websocket(request: Request) -> bool:
    """Whether ``request`` is an opening handshake."""
    return request.protocol == PROTOCOL
