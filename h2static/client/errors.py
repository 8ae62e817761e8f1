"""What can go wrong for a client, by what it means for the caller.

Contract: the text of every error is one line for people.
"""

from __future__ import annotations

from h2static.http.fields import Fields


class ClientError(Exception):
    """Something that was asked for cannot be had."""


class OptionError(ClientError):
    """An option or a URL is wrong: nothing was tried."""


class ConnectError(ClientError):
    """There is no connection: no address, nobody listens, the certificate is not trusted …"""


class ResponseError(ClientError):
    """There is no whole response."""

    def __init__(self, reason: str, code: int | None = None, *, may_retry: bool = False) -> None:
        super().__init__(reason)
        #: The error code of RST_STREAM or GOAWAY, if one of them was the reason (RFC 9113 section
        #: 7).
        self.code = code
        #: The server has not processed the request: it may be sent again on another connection,
        #: whatever its method (RFC 9113 section 8.7).
        self.may_retry = may_retry


class TunnelRefused(ResponseError):
    """The server does not make a tunnel: its status is not 2xx."""

    def __init__(self, status: int, fields: Fields, content: bytes) -> None:
        super().__init__(f"the server answers CONNECT with {status}")
        self.status = status
        self.fields = fields
        #: The beginning of what the server says about it, 64 KiB at most.
        self.content = content
