"""Errors of the client, by what they mean for the caller.

Contract: the text of every error is a one-line message.
"""

from __future__ import annotations

from h2static.http.fields import Fields


class ClientError(Exception):
    """The base class of all errors of the client."""


class OptionError(ClientError):
    """An option or a URL is wrong; nothing was sent."""


class ConnectError(ClientError):
    """Connecting failed: no address, connection refused, certificate not trusted, and so on."""


class ResponseError(ClientError):
    """There is no complete response."""

    def __init__(self, reason: str, code: int | None = None, *, may_retry: bool = False) -> None:
        super().__init__(reason)
        #: The error code of the RST_STREAM or GOAWAY that ended the response, if any (RFC 9113
        #: section 7).
        self.code = code
        #: The server did not process the request, so it may be sent again on another connection,
        #: whatever its method (RFC 9113 section 8.7).
        self.may_retry = may_retry


class TunnelRefused(ResponseError):
    """The server refused the tunnel with a status other than 2xx."""

    def __init__(self, status: int, fields: Fields, content: bytes) -> None:
        super().__init__(f"the server answered CONNECT with {status}")
        self.status = status
        self.fields = fields
        #: The beginning of the response content, at most 64 KiB.
        self.content = content
