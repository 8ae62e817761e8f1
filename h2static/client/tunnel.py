"""A tunnel: octets there and back on one stream, in the protocol of those who made it.

Contract: a :class:`Tunnel` is granted already (RFC 9113 section 8.5, RFC 8441); it is made by
:meth:`h2static.client.client.Client.tunnel`.  Both directions end on their own.  What nobody takes
holds the server up, and :meth:`Tunnel.send` waits while the server takes nothing.

Assumes: one task sends, one receives.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from h2static.client.content import WrittenPipe
from h2static.client.errors import ResponseError
from h2static.client.response import Response


class Tunnel:
    """See the module."""

    def __init__(self, response: Response, pipe: WrittenPipe) -> None:
        #: What has granted it: its fields say more.
        self.response = response
        self._pipe = pipe

    async def send(self, octets: bytes) -> None:
        """Send octets; waits while there is no room for more.

        Raises :class:`~h2static.client.errors.ResponseError` when the tunnel is over.
        """
        if not await self._pipe.put(octets):
            raise self.response.error or ResponseError("the tunnel has ended")

    def end(self) -> None:
        """Send nothing more; what comes can still be received."""
        self._pipe.end()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """What comes, in pieces, to the end.

        Raises :class:`~h2static.client.errors.ResponseError` where it breaks off.
        """
        async for piece in self.response:
            yield piece

    def close(self) -> None:
        """Nothing more is wanted: RST_STREAM, unless both directions have ended."""
        self.response.cancel()
        self._pipe.abandon()
