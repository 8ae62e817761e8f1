"""Upstreams, and how to forward requests to them; plain values.

Contract: values are checked when they are created, can be pickled, and read nothing.
:func:`parse_target` parses an upstream as written by users.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from h2static.http.fields import Fields
from h2static.http.grammar import is_authority
from h2static.http.semantics import CONNECTION_SPECIFIC

#: Schemes that a target may have, and their ports.
SCHEMES: Final = {"http": 80, "https": 443, "h2c": 80}
_UNIX: Final = "unix:"
#: Characters allowed in a path besides letters and digits (RFC 3986 section 3.3).
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9\-._~%!$&'()*+,;=:@]*)*")
#: Fields that are generated for each message and cannot be set.
_OWN_FIELDS: Final = CONNECTION_SPECIFIC | {
    b"content-length",
    b"expect",
    b"http2-settings",
    b"te",
    b"trailer",
    b"via",
}


class Policy(StrEnum):
    """Which of several upstreams gets a request."""

    ROUND_ROBIN = "round-robin"
    #: The one with the fewest requests under way.
    LEAST_CONNECTIONS = "least-connections"


@dataclass(slots=True, kw_only=True, frozen=True)
class Target:
    """One upstream."""

    #: ``http`` (HTTP/1.1), ``https`` (HTTP/2 or HTTP/1.1, by ALPN) or ``h2c`` (HTTP/2).
    scheme: str
    #: Without the brackets of an IPv6 address; of a socket's path ``localhost``.
    host: str
    port: int
    #: Path of a Unix domain socket, where it is one.
    unix: str | None = None
    #: What replaces the prefix: ``/`` with something behind it but no slash at its end, or empty
    #: for ``/``; ``None``: the prefix stays.
    path: str | None = None
    #: As it was written, for messages and logs.
    text: str

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme == "https"

    @property
    def authority(self) -> bytes:
        """Host and port as the Host field has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = SCHEMES[self.scheme] == self.port or self.unix is not None
        return (host if usual else f"{host}:{self.port}").encode("ascii")

    @property
    def name(self) -> str:
        """How logs call it."""
        return (self.unix and f"{_UNIX}{self.unix}") or self.authority.decode("ascii")


def parse_target(text: str) -> Target:
    """``http://``, ``https://`` or ``h2c://`` and an authority, with a path if wanted, or
    ``unix:/path``.  Raises ``ValueError`` with one line."""
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if not path.startswith("/") or "\0" in path:
            raise ValueError(f"{text!r}: expected unix:/path/of/the/socket")
        return Target(scheme="http", host="localhost", port=80, unix=path, text=text)
    try:
        parts = urlsplit(text)
        port = parts.port
        # Where it is missing, the scheme has one.
        host = (parts.hostname or "").encode("idna").decode("ascii") if parts.hostname else ""
    except (ValueError, UnicodeError) as error:
        raise ValueError(f"{text!r} is not a URL: {error}") from None
    if parts.scheme not in SCHEMES:
        raise ValueError(
            f"{text!r} is not an upstream URL: expected http://, https://, h2c:// or unix:"
        )
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            f"{text!r}: the URL contains user information; set the authorization field instead"
        )
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError(f"{text!r}: the URL has a query or a fragment")
    shown = f"[{host}]" if ":" in host else host
    if not host or not is_authority(shown.encode("ascii")) or port == 0:
        raise ValueError(f"{text!r} is not a URL: the host is missing or malformed")
    if _PATH.fullmatch(parts.path) is None or not {".", ".."}.isdisjoint(parts.path.split("/")):
        raise ValueError(f"{text!r} is not a URL: malformed path")
    return Target(
        scheme=parts.scheme,
        host=host,
        port=SCHEMES[parts.scheme] if port is None else port,
        path=parts.path.rstrip("/") if parts.path else None,
        text=text,
    )


@dataclass(slots=True, kw_only=True, frozen=True)
class HealthCheck:
    """A periodic request that an upstream must answer to get other requests."""

    #: With a query if wanted; what answers it with 200 to 399 is well.
    path: str
    #: Seconds between two checks, and seconds that a response may take.
    interval: float = 10.0
    timeout: float = 3.0

    def __post_init__(self) -> None:
        """Check what was written."""
        if not self.path.startswith("/") or not self.path.isascii() or " " in self.path:
            raise ValueError(f"health-path: {self.path!r} is not a path")


@dataclass(slots=True, kw_only=True, frozen=True)
class ProxyConfig:
    """Which requests to forward under one prefix, where to and how.

    Raises ``ValueError`` with one line when values contradict each other.
    """

    #: As returned by :func:`h2static.router.parse_prefix`; empty: everything.
    prefix: str
    #: One at least.
    targets: tuple[Target, ...]
    policy: Policy = Policy.ROUND_ROBIN
    #: Patterns and what replaces what they match, applied in turn to the path and query that would
    #: be asked for.
    rewrite: tuple[tuple[str, str], ...] = ()
    #: Name the target in Host; otherwise it is told the name that the client asked for.  ``None``:
    #: for ``https`` targets, whose certificates have names.
    change_origin: bool | None = None
    #: Fields of requests to set; one with an empty value is left out.
    headers: Fields = ()
    #: Pass WebSockets on.
    ws: bool = True
    #: Name the target in the Origin field of WebSockets, too.
    rewrite_ws_origin: bool = False
    #: Whether certificates of ``https`` targets must be trusted.
    secure: bool = True
    #: Authorities to trust in place of the system's: a PEM file.
    ca: str | None = None
    #: The domain that cookies get in place of their own; empty: they get none, which means the host
    #: that set them; ``None``: they keep their own.
    cookie_domain: str | None = None
    #: Rewrite Location from URLs of the target to URLs that the client can request.
    location: bool = True
    #: Seconds: to connect; for the response to begin, since the request last moved on; between two
    #: pieces of it, 0: no matter.
    connect_timeout: float = 5.0
    timeout: float = 60.0
    read_timeout: float = 0.0
    #: After this many failures in a row, an upstream gets no requests for this many seconds, as
    #: long as there is another one.
    max_fails: int = 1
    fail_timeout: float = 10.0
    health: HealthCheck | None = None
    #: Where this was written, for messages.
    where: str = field(default="--proxy", compare=False)

    def __post_init__(self) -> None:
        """Check what was written."""
        if not self.targets:
            raise ValueError("target is missing")
        texts = [one.text for one in self.targets]
        for text in texts:
            if texts.count(text) > 1:
                raise ValueError(f"target: {text} is repeated")
        for pattern, replacement in self.rewrite:
            try:
                # The replacement is checked even if nothing matches.
                re.compile(pattern.encode("utf-8")).sub(replacement.encode("utf-8"), b"")
            except (re.error, ValueError, IndexError) as error:
                raise ValueError(f"rewrite: {pattern!r}: {error}") from None
        for name, _ in self.headers:
            if name in _OWN_FIELDS:
                raise ValueError(f"headers: {name.decode('ascii')} cannot be set")
        if not self.secure and self.ca is not None:
            raise ValueError("ca: has no effect, because secure = false turns verification off")

    def changes_origin(self, target: Target) -> bool:
        """Whether ``target`` is named in Host."""
        if self.change_origin is None:
            return target.secure
        return self.change_origin
