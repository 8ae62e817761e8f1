"""The opening handshake: the client's offer, and the fields that accept it (RFC 6455 section 4).

Contract: :func:`read_offer` reads a request whose ``protocol`` is ``websocket``, or raises
:class:`Refused` with the status and the fields of the response.  :func:`grant_fields` returns the
fields with which the engine accepts it.  Over HTTP/2 the handshake is the same, but without the
key, which the protocol makes unnecessary (RFC 8441 section 5).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from h2static.http.fields import Fields
from h2static.http.grammar import TOKEN
from h2static.http.messages import Request
from h2static.websocket.limits import DEFAULT_LIMITS, WebSocketLimits

#: The token of Upgrade and the value of ``:protocol``.
PROTOCOL: Final = b"websocket"
#: RFC 6455 section 1.3.
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: RFC 6455 section 4.1: "the value of this header field MUST be 13".
_VERSION: Final = (b"sec-websocket-version", b"13")
#: Fields that the handshake itself answers.
OWN_FIELDS: Final = frozenset(
    (b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-protocol")
)


class Refused(Exception):
    """The handshake is wrong, and the response to it has :attr:`status` and :attr:`fields`."""

    status: Final = 400

    def __init__(self, reason: str, *, fields: Fields = ()) -> None:
        super().__init__(reason)
        self.fields = fields


@dataclass(slots=True, kw_only=True, frozen=True)
class Offer:
    """What a client asks for."""

    #: In its order of preference.
    subprotocols: tuple[str, ...]
    #: The Sec-WebSocket-Extensions field; empty: none.
    extensions: str
    #: The value for Sec-WebSocket-Accept; ``None``: none is needed (RFC 8441).
    accept: bytes | None


def read_offer(request: Request, limits: WebSocketLimits = DEFAULT_LIMITS) -> Offer:
    """What ``request`` asks for.  Raises :class:`Refused`."""
    key = request.field(b"sec-websocket-key")
    accept: bytes | None = None
    if request.method == b"CONNECT":
        # RFC 8441 section 5: "The Sec-WebSocket-Key and Sec-WebSocket-Accept header fields are not
        # used".  undici sends the one, and gives up without the other.
        accept = None if key is None else accept_value(key)
    elif request.method != b"GET":
        # RFC 6455 section 4.2.1: "An HTTP/1.1 or higher GET request".
        raise Refused("a WebSocket handshake must be a GET request")
    else:
        accept = _checked_accept_value(key or b"")
    version = request.field(b"sec-websocket-version")
    if version != _VERSION[1]:
        # RFC 6455 section 4.4: "the server MUST respond with … |Sec-WebSocket-Version| header
        # field(s) containing all versions the server is willing to use".
        raise Refused("Sec-WebSocket-Version is not 13", fields=(_VERSION,))
    extensions = request.field(b"sec-websocket-extensions") or b""
    return Offer(
        subprotocols=_subprotocols(request, limits),
        extensions=extensions.decode("latin-1"),
        accept=accept,
    )


def _checked_accept_value(key: bytes) -> bytes:
    try:
        nonce = base64.b64decode(key, validate=True)
    except binascii.Error:
        nonce = b""
    # RFC 6455 section 4.2.1: "a base64-encoded … value that, when decoded, is 16 bytes in length".
    if len(nonce) != 16:
        raise Refused("Sec-WebSocket-Key is not 16 octets in base64")
    return accept_value(key)


def accept_value(key: bytes) -> bytes:
    # RFC 6455 section 4.2.2 demands SHA-1; nothing secret hangs on it.
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def _subprotocols(request: Request, limits: WebSocketLimits) -> tuple[str, ...]:
    value = request.field(b"sec-websocket-protocol")
    if value is None:
        return ()
    names = [name.strip(b" \t") for name in value.split(b",")]
    # RFC 6455 section 4.1: "The elements that comprise this value MUST be non-empty strings with
    # characters in the range U+0021 to U+007E not including separator characters … and MUST all
    # be unique strings."
    if (
        any(TOKEN.fullmatch(name) is None for name in names)
        or len(set(names)) != len(names)
        or len(names) > limits.subprotocols
    ):
        raise Refused("Sec-WebSocket-Protocol is not a list of distinct tokens")
    return tuple(name.decode("ascii") for name in names)


def grant_fields(offer: Offer, subprotocol: str | None, extensions: str) -> Fields:
    """The fields that grant ``offer``.

    ``subprotocol``: the one that was chosen of those offered; ``extensions``: the value of
    Sec-WebSocket-Extensions, empty without any.
    """
    fields: list[tuple[bytes, bytes]] = []
    if offer.accept is not None:
        fields.append((b"sec-websocket-accept", offer.accept))
    if subprotocol is not None:
        fields.append((b"sec-websocket-protocol", subprotocol.encode("ascii")))
    if extensions:
        fields.append((b"sec-websocket-extensions", extensions.encode("ascii")))
    return tuple(fields)
