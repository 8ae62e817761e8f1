"""The ASGI scope of a request.

Contract: :meth:`Scopes.http` and :meth:`Scopes.connection` create a new dictionary for each
request, with new lists and dictionaries inside, which the application may modify; the values follow
"HTTP & WebSocket ASGI Message Format" 2.5.

- ``path`` has no dot segments, is percent-decoded, then decoded as UTF-8, and includes
  ``root_path``; ``raw_path`` is what the client sent, without the query.
- ``host`` comes first and is the authority that the client sent; an additional Host field is
  omitted.  Cookie crumbs are joined into one field (RFC 9113 section 8.2.3).
- ``client`` and ``server`` are those of the connection; ``None`` if there is none.

Strategy: what depends on the request alone is computed once for repeated requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from h2static.asgi.limits import DEFAULT_LIMITS, AsgiLimits
from h2static.asgi.types import Scope
from h2static.http.exchange import Exchange
from h2static.http.fields import Field
from h2static.http.messages import Client, Request
from h2static.http.paths import remove_dot_segments
from h2static.http.requests import Tls

ASGI_VERSION: Final = "3.0"
SPEC_VERSION: Final = "2.5"
#: The event that ends a response with trailers, and the extension that says so.
TRAILERS: Final = "http.response.trailers"
#: ``http_version`` by what logs write.
_VERSIONS: Final = {"HTTP/1.1": "1.1", "HTTP/2.0": "2", "HTTP/3.0": "3"}

#: A host with its port; a path with ``None``; or nothing.
Place: TypeAlias = tuple[str, int | None] | None


class _Known(NamedTuple):
    """The values that depend on the request alone."""

    method: str
    scheme: str
    path: str
    raw_path: bytes
    query: bytes
    headers: tuple[Field, ...]
    takes_trailers: bool


class Scopes:
    """Makes the scopes of one application."""

    def __init__(
        self,
        *,
        root_path: str = "",
        state: Callable[[], dict[str, object] | None] = lambda: None,
        limits: AsgiLimits = DEFAULT_LIMITS,
    ) -> None:
        """``root_path``: where the application is mounted, without a trailing slash.

        ``state``: what its lifespan has left for requests; ``None``: it has no lifespan.
        """
        self._root_path = root_path
        self._state = state
        self._limit = limits.scopes
        self._known: dict[Request, _Known] = {}

    def http(self, exchange: Exchange) -> Scope:
        """The scope of an ordinary request; of extensions what the request itself decides."""
        known = self._facts(exchange.request)
        scope = self._scope("http", known, exchange.request, exchange.client)
        scope["method"] = known.method
        if known.takes_trailers:
            scope["extensions"][TRAILERS] = {}
        return scope

    def connection(self, kind: str, exchange: Exchange) -> Scope:
        """The common part of ``http`` and ``websocket`` scopes; ``kind`` is their ``type``."""
        request = exchange.request
        return self._scope(kind, self._facts(request), request, exchange.client)

    def _scope(self, kind: str, known: _Known, request: Request, client: Client) -> Scope:
        scope: Scope = {
            "type": kind,
            "asgi": {"version": ASGI_VERSION, "spec_version": SPEC_VERSION},
            "http_version": "1.0" if request.old else _VERSIONS[client.version],
            "scheme": known.scheme,
            "path": known.path,
            "raw_path": known.raw_path,
            "query_string": known.query,
            "root_path": self._root_path,
            "headers": list(known.headers),
            "client": (client.host, client.port) if client.host else None,
            "server": _server(client),
            "extensions": {},
        }
        state = self._state()
        if state is not None:
            scope["state"] = state.copy()
        return scope

    def _facts(self, request: Request) -> _Known:
        known = self._known.get(request)
        if known is None:
            known = _facts(request)
            if request.repeats:
                if len(self._known) >= self._limit:
                    self._known.clear()
                self._known[request] = known
        return known

    def release(self) -> None:
        """Empty the cache."""
        self._known.clear()


def _server(client: Client) -> Place:
    local = client.local
    if isinstance(local, tuple):
        return local
    return (local, None) if local else None


def _facts(request: Request) -> _Known:
    raw_path, _, query = request.path.partition(b"?")
    return _Known(
        method=request.method.decode("ascii").upper(),
        scheme=request.scheme.decode("ascii").lower() or "http",
        path=decoded_path(raw_path),
        raw_path=raw_path,
        query=query,
        headers=_headers(request),
        takes_trailers=takes_trailers(request),
    )


def decoded_path(raw_path: bytes) -> str:
    """A path without its query as text: without dot segments, percent-decoded, then UTF-8."""
    raw_path, _ = remove_dot_segments(raw_path)
    if b"%" in raw_path:
        raw_path = unquote_to_bytes(raw_path)
    return raw_path.decode("utf-8", "replace")


def _headers(request: Request) -> tuple[Field, ...]:
    # "if the HTTP/2 pseudo header :authority is present … it should be included as the first host
    # header or replace any host header" (ASGI).
    headers = [(b"host", request.authority)] if request.authority else []
    cookie = -1
    for field in request.fields:
        name = field[0]
        if name == b"host":
            continue
        if name == b"cookie":
            if cookie >= 0:
                # RFC 9113 section 8.2.3: before crumbs are "passed into a non-HTTP/2 context …
                # these MUST be concatenated".
                headers[cookie] = (name, headers[cookie][1] + b"; " + field[1])
                continue
            cookie = len(headers)
        headers.append(field)
    return tuple(headers)


def encoded_path(path: str) -> bytes:
    """``path`` and query as they are written in a request; what is encoded already stays."""
    return quote(path, safe="%/?:@!$&'()*+,;=-._~").encode("ascii")


def takes_trailers(request: Request) -> bool:
    """Whether trailers reach the application at the other end (RFC 9110 section 10.1.4)."""
    if request.old:
        return False
    te = request.field(b"te") or b""
    return any(one.strip().lower() == b"trailers" for one in te.split(b","))


def tls_extension(tls: Tls) -> dict[str, object]:
    """The ``tls`` extension of ASGI."""
    return {
        "server_cert": tls.server_certificate,
        "client_cert_chain": list(tls.client_certificates),
        "client_cert_name": tls.client_name,
        "client_cert_error": None,
        "tls_version": tls.version,
        "cipher_suite": tls.cipher_suite,
    }
