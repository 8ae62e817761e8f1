"""A bare server of HTTP/3 on a library's own loop, to compare with: what is in memory, and no more.

python -m benchmarks.http3_bare PORT CERT KEY SIZE [LIBRARY]

LIBRARY is ``aioquic`` or ``qh3``, a fork whose names are the same.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

CONTENTS = {b"/index.html": b"Hello, world!", b"/large.bin": bytes(int(sys.argv[4]))}
LIBRARY = sys.argv[5] if len(sys.argv) > 5 else "aioquic"


def _module(name: str) -> Any:  # of a library that is chosen by name, or not there
    return importlib.import_module(f"{LIBRARY}.{name}")


HeadersReceived = _module("h3.events").HeadersReceived
H3Connection = _module("h3.connection").H3Connection
Protocol: Any = _module("asyncio.protocol").QuicConnectionProtocol


class _Connection(Protocol):  # type: ignore[misc]  # as above
    """Answers what it knows."""

    _http: Any = None

    def quic_event_received(self, event: Any) -> None:
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
    configuration = _module("quic.configuration").QuicConfiguration(
        is_client=False, alpn_protocols=["h3"]
    )
    configuration.load_cert_chain(sys.argv[2], sys.argv[3])
    await _module("asyncio").serve(
        "127.0.0.1",
        int(sys.argv[1]),
        configuration=configuration,
        create_protocol=_Connection,
    )
    await asyncio.Future()


asyncio.run(_main())
