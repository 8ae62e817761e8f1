"""Parsers for the values of options: text in, checked value out.

Contract: each parser takes the text from the command line or a TOML file and returns the value, or
raises ``ValueError`` with a one-line message that says what was expected.  Parsers open no files
and do not know which option they parse.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from h2static.config import MAX_PADDING
from h2static.quantities import integer, number

_E = TypeVar("_E", bound=StrEnum)

#: The characters of a field name (RFC 9110 section 5.6.2, token).
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
#: The characters of a field value (RFC 9110 section 5.5): visible ASCII, space and tab.
_FIELD_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?", re.ASCII)
#: Fields that are not allowed in a trailer section (RFC 9110 section 6.5.1): framing, routing, and
#: what a client needs before the content.
_NOT_IN_TRAILERS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "expect",
        "host",
        "keep-alive",
        "location",
        "proxy-connection",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
#: nghttpd's names of key exchange groups, and OpenSSL's names for them.
GROUP_NAMES = {
    "X25519": "X25519",
    "P-256": "prime256v1",
    "P-384": "secp384r1",
    "P-521": "secp521r1",
    "X448": "X448",
}


def credential(text: str) -> str:
    """``USER:HASH``, unchanged."""
    from h2static.server.basic_auth import parse_credential

    parse_credential(text)
    return text


def seconds(maximum: float) -> Callable[[str], float]:
    """A parser of durations in seconds, fractions allowed."""

    def parse(text: str) -> float:
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text, re.ASCII) is None:
            raise ValueError(f"{text!r} is not a number of seconds")
        value = float(text)
        if value > maximum:
            raise ValueError(f"{text} is too long: at most {maximum:g} seconds")
        return value

    return parse


def padding(text: str) -> int:
    """Octets of padding; a number too large for a frame means the maximum, as in nghttpd."""
    return min(integer(0, 2**31 - 1)(text), MAX_PADDING)


def port(text: str) -> int:
    """A TCP port, 0 for any free one."""
    if not (text.isascii() and text.isdigit()) or number(text) > 65535:
        raise ValueError(f"{text!r} is not a port number from 0 to 65535")
    return number(text)


def address(text: str) -> str:
    """An address to listen on; the host is resolved later."""
    if text == "unix:":
        raise ValueError("the socket path is missing after 'unix:'")
    return text_value(text)


def text_value(text: str) -> str:
    """Non-empty text: a path or a name."""
    if not text:
        raise ValueError("the value is empty")
    if "\0" in text:
        raise ValueError("the value contains a NUL character")
    return text


def workers(maximum: int) -> Callable[[str], int]:
    """A parser of worker counts; ``auto`` is 0 and means one per CPU."""
    count = integer(1, maximum)

    def parse(text: str) -> int:
        try:
            return 0 if text == "auto" else count(text)
        except ValueError as error:
            raise ValueError(f"{error}, nor 'auto'") from None

    return parse


def trailer(text: str) -> tuple[bytes, bytes]:
    """A trailer field, ``name: value``; the name in lower case.

    What a trailer section may not carry (RFC 9110 section 6.5.1) is refused.
    """
    name, colon, value = text.partition(":")
    name = name.strip(" ").lower()
    value = value.strip(" \t")
    if not colon or not _TOKEN.fullmatch(name):
        raise ValueError(f"{text!r} is not a field: expected 'name: value'")
    if not value:
        raise ValueError(f"{text!r} has no value: expected 'name: value'")
    if not _FIELD_VALUE.fullmatch(value):
        raise ValueError(f"{text!r} contains characters that a field value cannot carry")
    if name in _NOT_IN_TRAILERS:
        raise ValueError(f"{name!r} is not allowed in a trailer section (RFC 9110 section 6.5.1)")
    return name.encode("ascii"), value.encode("ascii")


def group(text: str) -> str:
    """A key exchange group by nghttpd's name; returns OpenSSL's."""
    if ":" in text or "," in text:
        raise ValueError("Python's TLS accepts a single group, not a list")
    name = GROUP_NAMES.get(text)
    if name is None:
        raise ValueError(f"{text!r} is not a known group; expected one of {', '.join(GROUP_NAMES)}")
    return name


def network(text: str) -> str:
    """An address or a network in CIDR form, or ``unix`` for peers of Unix domain sockets."""
    if text == "unix":
        return text
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a network: {error}") from None


def request_path(text: str) -> str:
    """The path of a request, without a query."""
    if re.fullmatch(r"/[\x21-\x7e]*", text, re.ASCII) is None or "?" in text or "#" in text:
        raise ValueError(f"{text!r} is not a path: expected '/...' without a query")
    return text


def choice(what: str, kind: type[_E]) -> Callable[[str], _E]:
    """A parser of the members of ``kind``; errors call them ``what``."""

    def parse(text: str) -> _E:
        try:
            return kind(text)
        except ValueError:
            known = ", ".join(kind)
            raise ValueError(f"{text!r} is not a known {what}; expected one of {known}") from None

    return parse


def file_descriptor(text: str) -> int:
    """The number of an open descriptor; 0, 1 and 2 are standard streams."""
    return integer(1, 2**16)(text)
