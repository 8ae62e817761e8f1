"""Datagrams without a connection: new clients, and responses to all others.

Contract: :class:`Admission` decides without keeping state for a client.  An Initial packet may
start a connection, or is answered with a Retry while many other clients have not validated their
addresses (RFC 9000 section 8.1.2).  A packet for a predecessor's connection is forwarded to it; one
for an unknown connection is answered with a stateless reset (section 10.3).  Responses to packets
that anyone can forge are limited.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from h2static.quic.connection_ids import ConnectionIds, reset_token, worker_of
from h2static.quic.packets import (
    SMALLEST_INITIAL,
    Header,
    stateless_reset,
    version_negotiation,
)
from h2static.quic.retry import RetryTokens
from h2static.quic.transport import Path
from h2static.server.datagram_entrance import DatagramEntrance, DatagramWorker
from h2static.server.datagram_sockets import address_octets
from h2static.server.limits import ServerLimits
from h2static.server.relay import Relay


class Admitted(NamedTuple):
    """A client that gets a connection."""

    #: The connection ID that it chose at first, if it returns after a Retry.
    original: bytes | None


#: The result of an admission: a connection, a response, or nothing.
Verdict = Admitted | bytes | None
_NOTHING: Final = None


class Admission:
    """Decides on datagrams without a connection."""

    def __init__(
        self,
        worker: DatagramWorker,
        relay: Relay | None,
        limits: ServerLimits,
        clock: Callable[[], float],
        on_retrying: Callable[[], None],
    ) -> None:
        """``clock``: of the tokens, which other workers read too.  ``on_retrying`` is told when
        clients begin to be asked to come back."""
        self._worker = worker
        self._relay = relay
        self._limits = limits
        self._clock = clock
        self._on_retrying = on_retrying
        self._tokens = RetryTokens(worker.key)
        self._retrying = False
        #: Responses that may still be sent in this second.
        self._answers = 0
        self._second = -1

    def judge(
        self,
        entrance: DatagramEntrance,
        ids: ConnectionIds,
        header: Header,
        data: bytes,
        path: Path,
        *,
        now: float,
        opening: int,
    ) -> Verdict:
        """Decide on a datagram without a connection; ``opening``: the number of clients with an
        unvalidated address."""
        library = entrance.library
        if header.version is None:
            return self._lost(entrance, header, data, path, now)
        # RFC 9000 section 7.2: a client that has received a packet uses the ID that is in it, in
        # Initial and Handshake packets, too.  With a token it begins once more, after a Retry.
        known = header.version in library.versions
        if known and not header.token and self._pass_on(entrance, header, data, path):
            return _NOTHING
        if len(data) < SMALLEST_INITIAL:
            return _NOTHING
        if known:
            return (
                self._begin(entrance, ids, header, path, now, opening) if header.initial else None
            )
        # RFC 9000 section 6.1; a version of 0 is a Version Negotiation packet itself.
        if header.version and self._may_answer(now):
            return version_negotiation(header, library.versions)
        return _NOTHING

    def _begin(
        self,
        entrance: DatagramEntrance,
        ids: ConnectionIds,
        header: Header,
        path: Path,
        now: float,
        opening: int,
    ) -> Verdict:
        """The first packet of a client."""
        limits = self._limits
        address = address_octets(path)
        if header.token:
            retried = self._tokens.take(header.token, address, header.destination, self._clock())
            if retried is not None:
                return Admitted(retried.original)
            # RFC 9000 section 8.1.3: "the server SHOULD immediately close … the connection with an
            # INVALID_TOKEN error".
            return entrance.library.refuse_token(header) if self._may_answer(now) else None
        if opening >= limits.unvalidated_connections:
            if not self._retrying:
                self._retrying = True
                self._on_retrying()
            given = ids.make()
            token = self._tokens.make(address, header.destination, given, self._clock())
            return entrance.library.retry(header, token, given)
        if opening < limits.unvalidated_connections // 2:
            self._retrying = False
        return Admitted(None)

    def _lost(
        self, entrance: DatagramEntrance, header: Header, data: bytes, path: Path, now: float
    ) -> Verdict:
        """A packet of a connection that is not here."""
        if self._pass_on(entrance, header, data, path) or not self._may_answer(now):
            return _NOTHING
        return stateless_reset(reset_token(self._worker.key, header.destination), len(data))

    def _pass_on(self, entrance: DatagramEntrance, header: Header, data: bytes, path: Path) -> bool:
        """Forward a packet for a connection of a predecessor; false: it is for none."""
        if self._relay is None:
            return False
        worker = worker_of(self._worker.key, header.destination)
        if worker == self._worker.number:
            return False
        return self._relay.pass_on(worker, entrance.socket.place, data, path)

    def _may_answer(self, now: float) -> bool:
        """Whether one more packet may be sent to an unknown peer."""
        if int(now) != self._second:
            self._second = int(now)
            self._answers = self._limits.stateless_packets
        self._answers -= 1
        return self._answers >= 0
