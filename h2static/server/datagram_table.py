"""Who has a connection of HTTP/3 here, by which ids, and what they have counted together.

Contract: a link is *opening* from :meth:`LinkTable.add` on until its handshake is complete
(:meth:`LinkTable.opened`), *served* until :meth:`LinkTable.finish`, and found by its ids until
:meth:`LinkTable.remove`.  Each step is taken once, however often it is asked for.
"""

from __future__ import annotations

from h2static.http.counters import Counters
from h2static.server.datagram_link import DatagramLink


class LinkTable:
    """The HTTP/3 links of a worker by connection ID, with their counters."""

    def __init__(self) -> None:
        self.every: dict[DatagramLink, None] = {}
        #: Those whose handshake is not complete, the oldest first.
        self.opening: dict[DatagramLink, None] = {}
        #: How many are served, or about to be.
        self.serving = 0
        self.accepted = 0
        self.violations = 0
        #: What was counted where no engine counts, and by engines that are over.
        self.totals = Counters()
        self._by_id: dict[bytes, DatagramLink] = {}

    def find(self, connection_id: bytes) -> DatagramLink | None:
        """Whose ``connection_id`` is."""
        return self._by_id.get(connection_id)

    def add(self, link: DatagramLink) -> None:
        """A client has begun with its handshake."""
        self.every[link] = None
        self.opening[link] = None
        self.serving += 1
        self.note_ids(link)

    def note_ids(self, link: DatagramLink) -> None:
        """The link is known by other ids than before."""
        for one in link.ids:
            self._by_id.pop(one, None)
        link.ids = link.transport.connection_ids
        for one in link.ids:
            self._by_id[one] = link

    def opened(self, link: DatagramLink) -> None:
        """The handshake is complete."""
        self.opening.pop(link, None)

    def finish(self, link: DatagramLink) -> None:
        """The link is done."""
        if link.over:
            return
        link.over = True
        self.opening.pop(link, None)
        self.serving -= 1
        if link.engine is not None:
            self.totals.add(link.engine.counters)

    def remove(self, link: DatagramLink) -> None:
        """Forget the link."""
        self.every.pop(link, None)
        for one in link.ids:
            self._by_id.pop(one, None)

    def counters(self) -> dict[str, int]:
        """As those of :class:`~h2static.server.connections.Connections`."""
        totals = Counters()
        totals.add(self.totals)
        streams = 0
        for link in self.every:
            if link.engine is not None and not link.over:
                streams += link.engine.open_streams
                totals.add(link.engine.counters)
        return {
            "requests": totals.requests,
            "resets": totals.resets,
            "limit_hits": totals.limit_hits,
            "violations": self.violations,
            "accepted": self.accepted,
            "connections": self.serving,
            "streams": streams,
        }
