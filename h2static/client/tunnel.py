"""A tunnel: octets there and back on one stream, in the protocol of those who made it.

Contract: :func:`granted` waits for the response to CONNECT (RFC 9113 section 8.5, RFC 8441) and
makes the :class:`Tunnel`, for :meth:`h2static.client.client.Client.tunnel`.  Both directions end
on their own.  Unread octets stop the server, and :meth:`Tunnel.send` waits while the server
takes nothing.

Assumes: one task sends, one receives.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import anyio

from h2static.client.content import WrittenPipe
from h2static.client.errors import ResponseError, TunnelRefused
from h2static.client.response import Response

#: Octets of a refusal that are kept: error pages are smaller.
_LARGEST_REFUSAL: Final = 65_536
#: Seconds that the content of a refusal may take.
_REFUSAL_SECONDS: Final = 2.0


class Tunnel:
    """A tunnel through the server: send octets, and iterate over received ones."""

    def __init__(self, response: Response, pipe: WrittenPipe) -> None:
        #: The response that granted the tunnel, with its fields.
        self.response = response
        self._pipe = pipe

    async def send(self, octets: bytes) -> None:
        """Send octets; wait while there is no room for more.

        Raises :class:`~h2static.client.errors.ResponseError` when the tunnel is over.
        """
        if not await self._pipe.put(octets):
            raise self.response.error or ResponseError("the tunnel is closed")

    def end(self) -> None:
        """End our direction; the other one stays open."""
        self._pipe.end()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over received octets in pieces, to the end.

        Raises :class:`~h2static.client.errors.ResponseError` where it breaks off.
        """
        async for piece in self.response:
            yield piece

    def close(self) -> None:
        """Nothing more is wanted: RST_STREAM, unless both directions have ended."""
        self.response.cancel()
        self._pipe.abandon()


async def granted(response: Response, pipe: WrittenPipe) -> Tunnel:
    """The tunnel that ``response`` grants, whose request sends what ``pipe`` has.

    Raises :class:`~h2static.client.errors.TunnelRefused` when it is refused, and
    :class:`~h2static.client.errors.ResponseError` when no response comes.
    """
    try:
        await response.started()
    except BaseException:
        response.cancel()
        raise
    if 200 <= response.status <= 299:
        return Tunnel(response, pipe)
    content = bytearray()
    try:
        with anyio.move_on_after(_REFUSAL_SECONDS), suppress(ResponseError):
            async for piece in response:
                content += piece
                if len(content) >= _LARGEST_REFUSAL:
                    break
    finally:
        response.cancel()
        # Our direction of the stream ends, too; otherwise it would count as open.
        pipe.end()
    raise TunnelRefused(response.status, response.fields, bytes(content[:_LARGEST_REFUSAL]))
