"""QUIC by aioquic.

Contract: :class:`AioquicLibrary` implements :class:`h2static.quic.library.Library`,
:class:`AioquicTransport` implements :class:`h2static.quic.transport.Transport`.  There are no
session tickets, so there is neither resumption nor 0-RTT.
"""

from __future__ import annotations

from typing import Any, Final, TextIO

from aioquic.quic import events
from aioquic.quic.configuration import SMALLEST_MAX_DATAGRAM_SIZE, QuicConfiguration
from aioquic.quic.connection import TRANSPORT_CLOSE_FRAME_CAPACITY, QuicConnectionState
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.packet import (
    QuicErrorCode,
    QuicFrameType,
    QuicPacketType,
    QuicProtocolVersion,
    encode_quic_retry,
)
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.stream import QuicStream
from aioquic.tls import load_pem_private_key, load_pem_x509_certificates

from h2static.quic.aioquic_connection import ChooseIdentity, Connection, Identity
from h2static.quic.connection_ids import LENGTH, ConnectionIds
from h2static.quic.library import TransportLimits
from h2static.quic.packets import Header
from h2static.quic.transport import (
    Event,
    HandshakeCompleted,
    Path,
    PingAcknowledged,
    SendingStopped,
    StreamData,
    StreamReset,
    Terminated,
)

_VERSIONS: Final = (QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2)
#: The ALPN of RFC 9114 section 3.1.
_ALPN: Final = "h3"
#: Below this much room nothing is given: a reading for each acknowledgment would be dear.
_LEAST_ROOM: Final = 16_384
_SHUTDOWN_PING: Final = 1


def load_identity(certificates: bytes, key: bytes, password: bytes | None = None) -> Identity:
    """A certificate, its chain and its private key from PEM.  Raises ``ValueError``, also where
    they do not belong together."""
    first, *chain = load_pem_x509_certificates(certificates)
    private = load_pem_private_key(key, password)
    if first.public_key() != private.public_key():
        # As OpenSSL says it: files that are being replaced.
        raise ValueError("key values mismatch")
    return Identity(certificate=first, chain=chain, key=private)


class AioquicLibrary:
    """Creates QUIC connections with aioquic."""

    versions = tuple(int(version) for version in _VERSIONS)

    def __init__(
        self, choose: ChooseIdentity, limits: TransportLimits, *, key_log: TextIO | None = None
    ) -> None:
        """``choose`` may be called for each connection, and decide otherwise for the next one;
        ``key_log``: a text file for the secrets of connections."""
        self._choose = choose
        self._limits = limits
        self._configuration = QuicConfiguration(
            alpn_protocols=[_ALPN],
            is_client=False,
            connection_id_length=LENGTH,
            idle_timeout=limits.idle_seconds,
            max_data=limits.connection_window,
            max_stream_data=limits.stream_window,
            max_datagram_size=SMALLEST_MAX_DATAGRAM_SIZE,
            supported_versions=list(_VERSIONS),
            secrets_log_file=key_log,
        )

    def accept(
        self, header: Header, path: Path, ids: ConnectionIds, *, original: bytes | None = None
    ) -> AioquicTransport:
        """See :class:`~h2static.quic.library.Library`."""
        # The library wants one although the name of the client will decide.
        identity = self._choose(None)
        self._configuration.certificate = identity.certificate
        self._configuration.certificate_chain = identity.chain
        self._configuration.private_key = identity.key
        retried = None if original is None else header.destination
        connection = Connection(
            self._configuration,
            self._choose,
            self._limits,
            ids,
            original=header.destination if original is None else original,
            retried=retried,
        )
        return AioquicTransport(connection, header.destination, path, self._limits)

    def retry(self, header: Header, token: bytes, given: bytes) -> bytes:
        """See :class:`~h2static.quic.library.Library`."""
        assert header.version is not None
        return encode_quic_retry(
            version=header.version,
            source_cid=given,
            destination_cid=header.source,
            original_destination_cid=header.destination,
            retry_token=token,
        )

    def refuse_token(self, header: Header) -> bytes:
        """See :class:`~h2static.quic.library.Library`."""
        assert header.version is not None
        crypto = CryptoPair()
        crypto.setup_initial(cid=header.destination, is_client=False, version=header.version)
        builder = QuicPacketBuilder(
            host_cid=header.destination,
            is_client=False,
            max_datagram_size=SMALLEST_MAX_DATAGRAM_SIZE,
            peer_cid=header.source,
            version=header.version,
        )
        builder.start_packet(QuicPacketType.INITIAL, crypto)
        octets = builder.start_frame(
            QuicFrameType.TRANSPORT_CLOSE, capacity=TRANSPORT_CLOSE_FRAME_CAPACITY
        )
        octets.push_uint_var(QuicErrorCode.INVALID_TOKEN)
        octets.push_uint_var(QuicFrameType.PADDING)
        octets.push_uint_var(0)
        datagrams, _ = builder.flush()
        return datagrams[0]


class AioquicTransport:
    """A QUIC connection of aioquic."""

    __slots__ = (
        "_closed_here", "_connection", "_first_id", "_first_path", "_limits", "_moved", "_over",
        "_unsent_lost", "_written",
    )  # fmt: skip

    def __init__(
        self, connection: Connection, first_id: bytes, path: Path, limits: TransportLimits
    ) -> None:
        """``first_id``: where the client's first packets go."""
        self._connection = connection
        self._limits = limits
        self._first_id = first_id
        self._first_path = path
        #: Octets that were given for streams, without those that were never sent and never will be.
        self._written = 0
        self._unsent_lost: set[int] = set()
        self._moved = 0
        #: The end was told.
        self._over = False
        self._closed_here = False

    # ------------------------------------------------------------------ for the driver

    @property
    def connection_ids(self) -> tuple[bytes, ...]:
        """See :class:`~h2static.quic.transport.Transport`."""
        connection = self._connection
        connection.ids_changed = False
        ids = tuple(one.cid for one in connection._host_cids)
        return ids if connection._handshake_confirmed else (self._first_id, *ids)

    @property
    def ids_changed(self) -> bool:
        """See :class:`~h2static.quic.transport.Transport`."""
        return self._connection.ids_changed

    @property
    def path(self) -> Path:
        """See :class:`~h2static.quic.transport.Transport`."""
        paths = self._connection._network_paths
        return paths[0].addr if paths else self._first_path

    @property
    def established(self) -> bool:
        """See :class:`~h2static.quic.transport.Transport`."""
        return self._connection._handshake_complete

    @property
    def server_name(self) -> str | None:
        """See :class:`~h2static.quic.transport.Transport`."""
        return self._connection.client_name

    @property
    def terminated(self) -> bool:
        """See :class:`~h2static.quic.transport.Transport`."""
        return self._connection._state is QuicConnectionState.TERMINATED

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        """See :class:`~h2static.quic.transport.Transport`."""
        self._connection.receive_datagram(data, path, now)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        """See :class:`~h2static.quic.transport.Transport`."""
        connection = self._connection
        # Before its first packet was read nothing can be said.
        return connection.datagrams_to_send(now) if connection._network_paths else []

    def deadline(self) -> float | None:
        """See :class:`~h2static.quic.transport.Transport`."""
        connection = self._connection
        return None if connection._close_at is None else connection.get_timer()

    def handle_timer(self, now: float) -> None:
        """See :class:`~h2static.quic.transport.Transport`."""
        if self._connection._close_at is not None:
            self._connection.handle_timer(now)

    # ------------------------------------------------------------------ events

    def next_event(self) -> Event | None:
        """See :class:`~h2static.quic.transport.Transport`."""
        connection = self._connection
        while (event := connection.next_event()) is not None:
            match event:
                case events.StreamDataReceived():
                    return StreamData(
                        stream_id=event.stream_id, data=event.data, ended=event.end_stream
                    )
                case events.StreamReset():
                    return StreamReset(stream_id=event.stream_id, code=event.error_code)
                case events.StopSendingReceived():
                    self._forget_unsent(event.stream_id)
                    return SendingStopped(stream_id=event.stream_id, code=event.error_code)
                case events.HandshakeCompleted():
                    return HandshakeCompleted()
                case events.PingAcknowledged():
                    return PingAcknowledged()
                case events.ConnectionIdRetired():
                    connection.ids_changed = True
        end = connection._close_event
        if end is None or self._over:
            return None
        # At once, and not when the time is over in which a close is answered.
        self._over = True
        here = connection._close_pending or connection._state is QuicConnectionState.CLOSING
        return Terminated(
            code=end.error_code, reason=end.reason_phrase, closed_here=here or self._closed_here
        )

    # ------------------------------------------------------------------ streams

    @property
    def _unsent(self) -> int:
        return self._written - self._connection._remote_max_data_used

    @property
    def room(self) -> int:
        """See :class:`~h2static.quic.transport.Transport`."""
        connection, limits = self._connection, self._limits
        loss = connection._loss
        unsent = self._unsent
        in_flight = loss.bytes_in_flight
        window = min(loss.congestion_window, limits.unacknowledged)
        room = max(window - in_flight, 0) + limits.ahead - unsent
        if room < _LEAST_ROOM or in_flight + unsent > limits.unacknowledged:
            return 0
        return min(room, connection._remote_max_data - self._written)

    def stream_room(self, stream_id: int) -> int:
        """See :class:`~h2static.quic.transport.Transport`."""
        stream = self._connection._streams.get(stream_id)
        if stream is None:
            return 0
        return stream.max_stream_data_remote - stream.sender._buffer_stop

    @property
    def moved(self) -> int:
        """See :class:`~h2static.quic.transport.Transport`."""
        connection = self._connection
        moved = connection._remote_max_data_used - connection._loss.bytes_in_flight
        self._moved = max(self._moved, moved)
        return self._moved

    @property
    def waits_for_peer(self) -> bool:
        """See :class:`~h2static.quic.transport.Transport`."""
        return self._connection._loss.bytes_in_flight > 0 or self._unsent > 0

    def open_unidirectional(self) -> int:
        """See :class:`~h2static.quic.transport.Transport`."""
        stream_id = self._connection.get_next_available_stream_id(is_unidirectional=True)
        self._connection.send_stream_data(stream_id, b"")
        return stream_id

    def _sendable(self, stream_id: int) -> QuicStream | None:
        """A stream that may still be sent on."""
        stream = self._connection._streams.get(stream_id)
        if stream is None or stream.sender._reset_error_code is not None:
            return None
        return None if stream.sender._buffer_fin is not None else stream

    def send(self, stream_id: int, data: bytes | memoryview, *, end: bool = False) -> None:
        """See :class:`~h2static.quic.transport.Transport`."""
        stream = self._sendable(stream_id)
        if stream is not None:
            # The library copies them; a view does as well as octets.
            sender: Any = stream.sender
            sender.write(data, end_stream=end)
            self._written += len(data)

    def reset(self, stream_id: int, code: int) -> None:
        """See :class:`~h2static.quic.transport.Transport`."""
        stream = self._connection._streams.get(stream_id)
        if stream is not None and not stream.sender.is_finished:
            self._forget_unsent(stream_id)
            stream.sender.reset(code)

    def _forget_unsent(self, stream_id: int) -> None:
        """What waits on a stream will never be sent."""
        streams = self._connection._streams
        stream = streams.get(stream_id)
        if stream is None or stream_id in self._unsent_lost:
            return
        if len(self._unsent_lost) >= 2 * self._limits.request_streams:
            self._unsent_lost = {one for one in self._unsent_lost if one in streams}
        self._unsent_lost.add(stream_id)
        self._written -= stream.sender._buffer_stop - stream.sender.highest_offset

    def stop(self, stream_id: int, code: int) -> None:
        """See :class:`~h2static.quic.transport.Transport`."""
        stream = self._connection._streams.get(stream_id)
        if stream is not None and not stream.receiver.is_finished:
            stream.receiver.stop(code)

    def give_credit(self, stream_id: int | None, octets: int) -> None:
        """See :class:`~h2static.quic.transport.Transport`."""
        self._connection.give_credit(stream_id, octets)

    def ping(self) -> None:
        """See :class:`~h2static.quic.transport.Transport`."""
        self._connection.send_ping(_SHUTDOWN_PING)

    def close(self, code: int, reason: str) -> None:
        """See :class:`~h2static.quic.transport.Transport`."""
        self._closed_here = True
        self._over = True
        self._connection.close(error_code=code, reason_phrase=reason)
