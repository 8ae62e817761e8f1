"""permessage-deflate (RFC 7692): whether it is used, and for which messages.

Contract: :func:`negotiate` returns the extension for a client's offer, with the value of
Sec-WebSocket-Extensions that accepts it, or neither if no offer is acceptable.  A malformed offer
declines the extension, not the WebSocket.

Strategy: the ``websockets`` package does the compression.  Windows of 4 KiB and low memory use are
negotiated: with the defaults, a connection would hold about 300 KiB.
"""

from __future__ import annotations

from typing import Final

from websockets.exceptions import InvalidHeader, NegotiationError
from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, parse_extension

_WINDOW_BITS: Final = 12
_FACTORY: Final = ServerPerMessageDeflateFactory(
    server_max_window_bits=_WINDOW_BITS,
    client_max_window_bits=_WINDOW_BITS,
    compress_settings={"memLevel": 5},
)
#: Offers that are looked at: a client sends them in its order of preference, and few.
_OFFERS: Final = 8


class SparingDeflate(Extension):
    """permessage-deflate that leaves small messages as they are.

    RFC 7692 section 6: "An endpoint MAY choose not to use compression" for a message.
    """

    name = PerMessageDeflate.name

    def __init__(self, inner: PerMessageDeflate, smallest: int) -> None:
        """``smallest``: octets of a message from which on it is compressed."""
        self._inner = inner
        self._smallest = smallest

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Implement :meth:`websockets.extensions.base.Extension.decode`."""
        return self._inner.decode(frame, max_size=max_size)

    def encode(self, frame: Frame) -> Frame:
        """See :class:`websockets.extensions.base.Extension`; a frame is a whole message here."""
        if frame.opcode is not Opcode.CONT and len(frame.data) < self._smallest:
            return frame
        return self._inner.encode(frame)


def negotiate(offered: str, smallest: int) -> tuple[SparingDeflate | None, str]:
    """The extension for a Sec-WebSocket-Extensions field, and the value that grants it."""
    if not offered:
        return None, ""
    try:
        offers = parse_extension(offered)
    except InvalidHeader:
        return None, ""
    for name, parameters in offers[:_OFFERS]:
        if name != PerMessageDeflate.name:
            continue
        try:
            # RFC 7692 section 7: parameters that are unknown, or have no sense, decline this offer.
            granted, inner = _FACTORY.process_request_params(parameters, [])
        except NegotiationError:
            continue
        return SparingDeflate(inner, smallest), build_extension([(name, granted)])
    return None, ""
