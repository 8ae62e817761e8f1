"""URLs of ``http`` and ``https``: where to connect, and what to ask for (RFC 9110 section 4.2).

Contract: :func:`parse_url` takes what people write: a host without a scheme is not a URL, spaces
and letters beyond ASCII in path and query are percent-encoded, an international host name becomes
its ASCII form.  What cannot be meant is refused with :class:`~h2static.client.errors.OptionError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from h2static.client.errors import OptionError
from h2static.http.grammar import is_authority

#: By scheme.
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
#: Characters kept in a path or query; with the percent sign, so that encoded ones stay encoded.
_AS_IT_IS: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@dataclass(slots=True, kw_only=True, frozen=True)
class Origin:
    """Scheme, host and port (RFC 9110 section 4.3.1)."""

    scheme: str
    #: Without the brackets of an IPv6 address.
    host: str
    port: int

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme == "https"

    @property
    def authority(self) -> bytes:
        """Host and port as ``:authority`` has them; the scheme's own port is left out."""
        host = bracketed(self.host)
        if self.port != DEFAULT_PORTS[self.scheme]:
            host = f"{host}:{self.port}"
        return host.encode("ascii")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority.decode('ascii')}"


@dataclass(slots=True, kw_only=True, frozen=True)
class URL:
    """A parsed URL."""

    origin: Origin
    #: Path and query, in the form of ``:path``.
    target: bytes

    def __str__(self) -> str:
        return f"{self.origin}{self.target.decode('ascii')}"

    def join(self, reference: str) -> URL:
        """The URL that ``reference`` means where this one is the base (RFC 3986 section 5)."""
        return parse_url(urljoin(str(self), reference))


def bracketed(host: str) -> str:
    """``host`` as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def parse_url(text: str) -> URL:
    """The parts of ``text``.  Raises :class:`~h2static.client.errors.OptionError`."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise OptionError(f"{text}: not a URL: {error}") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise OptionError(f"{text}: not a URL: it must start with http:// or https://")
    if parts.username is not None or parts.password is not None:
        # RFC 9110 section 4.2.4: "A sender MUST NOT generate the userinfo subcomponent".
        raise OptionError(
            f"{text}: the URL contains user information; use the authorization field instead"
        )
    host = _ascii_host(parts.hostname or "", text)
    target = parts.path or "/"
    if parts.query or text.rstrip().endswith("?"):
        target += f"?{parts.query}"
    return URL(
        origin=Origin(
            scheme=parts.scheme,
            host=host,
            port=DEFAULT_PORTS[parts.scheme] if port is None else port,
        ),
        target=quote(target, safe=_AS_IT_IS).encode("ascii"),
    )


def _ascii_host(host: str, text: str) -> str:
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise OptionError(f"{text}: not a host name: {error}") from error
    if not host or not is_authority(bracketed(host).encode("ascii")):
        raise OptionError(f"{text}: not a URL: the host is missing or malformed")
    return host
