"""The beginning of a connection: the prefaces of both ends (RFC 9113 section 3.4)."""

from __future__ import annotations

from typing import Final

from h2static.http2 import registry as r
from h2static.http2.errors import ConnectionViolation
from h2static.http2.frames import Frame, Settings, WindowUpdate
from h2static.http2.registry import ErrorCode
from h2static.http2.roles import Role
from h2static.http2.sender import Sender
from h2static.http2.service import Endpoint
from h2static.http2.settings import announced

#: The first octets of other protocols, and a hint for the owner of the server.
_OTHERS: Final = (
    # A TLS record with a handshake message (RFC 8446 section 5.1).
    ((b"\x16",), ": TLS on a cleartext port"),
    # Version 1, and the first octets of version 2 that no other protocol has.
    ((b"PROXY ", b"\r\n\r\n\0"), ": a PROXY header from a peer that is not a trusted proxy"),
)


def send_preface(role: Role, endpoint: Endpoint, sender: Sender) -> None:
    """Send our preface: settings, and the peer's window."""
    if sender.observer is None and endpoint.preface:
        sender.output.append(endpoint.preface)
        return
    settings = endpoint.settings
    frames: list[Frame] = [Settings(entries=announced(settings, endpoint.limits, role))]
    increment = settings.connection_window_size - r.INITIAL_WINDOW_SIZE
    if increment > 0:
        frames.append(WindowUpdate(stream_id=0, increment=increment))
    magic = r.PREFACE if role is Role.CLIENT else b""
    endpoint.keep_preface(magic + b"".join([one.serialize() for one in frames]))
    if magic:
        sender.output.append(magic)
    for one in frames:
        sender.emit(one)


def has_preface(data: bytes) -> bool:
    """Whether ``data``, the first octets of a client, contain its complete preface.

    Raises :class:`ConnectionViolation` if they are something else.
    """
    # "Clients and servers MUST treat an invalid connection preface as a connection error of type
    # PROTOCOL_ERROR" (3.4).
    if not data.startswith(r.PREFACE[: len(data)]):
        what = next((hint for starts, hint in _OTHERS if data.startswith(starts)), "")
        raise ConnectionViolation(
            ErrorCode.PROTOCOL_ERROR, f"not an HTTP/2 connection preface{what}"
        )
    return len(data) >= len(r.PREFACE)
