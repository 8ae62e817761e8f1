"""A bare server of HTTP/3 on aioquic's own loop, to compare with: what is in memory, and no more.

python -m benchmarks.http3_bare PORT CERT KEY SIZE
"""

from __future__ import annotations

import asyncio
import sys

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import serve
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent

CONTENTS = {b"/index.html": b"Hello, world!", b"/large.bin": bytes(int(sys.argv[4]))}


class _Connection(QuicConnectionProtocol):
    """Answers what it knows."""

    _http: H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if self._http is None:
            self._http = H3Connection(self._quic)
        for one in self._http.handle_event(event):
            if isinstance(one, HeadersReceived):
                content = CONTENTS[dict(one.headers)[b":path"]]
                head = [(b":status", b"200"), (b"content-length", b"%d" % len(content))]
                self._http.send_headers(one.stream_id, head)
                self._http.send_data(one.stream_id, content, end_stream=True)
                self.transmit()


async def _main() -> None:
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(sys.argv[2], sys.argv[3])
    await serve(
        "127.0.0.1",
        int(sys.argv[1]),
        configuration=configuration,
        create_protocol=_Connection,
    )
    await asyncio.Future()


asyncio.run(_main())
