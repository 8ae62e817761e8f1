"""A connection of aioquic with connection ids, certificates and credit of ours.

Contract: what aioquic decides by itself and this package decides otherwise is overridden in
:class:`Connection`, and nowhere else: which connection ids and reset tokens there are, which
certificate a client is shown, when a peer gets credit (aioquic doubles its windows whatever was
read), and how much leaves between two timers.  These are no public parts of aioquic, which is why
its version is bounded in ``pyproject.toml`` and each has a test.

Strategy: aioquic looks for each packet at everything that a packet may carry.  While there is
nothing but the content of one stream, which is what a download consists of, packets are filled with
that alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from aioquic._buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import (
    CONNECTION_LIMIT_FRAME_CAPACITY,
    MAX_STREAM_DATA_FRAME_CAPACITY,
    Limit,
    QuicConnection,
    QuicConnectionId,
    QuicNetworkPath,
)
from aioquic.quic.packet import QuicFrameType, QuicPacketType
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketPacer, QuicPacketSpace
from aioquic.quic.stream import QuicStream
from aioquic.tls import Alert, Epoch, pull_client_hello

from h2static.quic.connection_ids import ConnectionIds
from h2static.quic.library import TransportLimits


@dataclass(slots=True, kw_only=True, eq=False)
class Identity:
    """A certificate with its key, as aioquic takes them."""

    certificate: Any  # of cryptography
    chain: list[Any]
    key: Any


#: Which certificate a client is shown that names this host, or none.
ChooseIdentity: TypeAlias = Callable[[str | None], Identity]


class Pacer(QuicPacketPacer):
    """Spreads packets over a round trip, in pieces that timers can tell apart.

    aioquic lets 16 packets go and then waits for less than timers can do, which on a fast path is a
    turn of the event loop for every 16 packets.  Here as many go as the path takes in the time that
    a timer is late by (RFC 9002 section 7.7 leaves that to knowledge of the path), up to what the
    receive buffer of a system by default holds.
    """

    def __init__(self, *, max_datagram_size: int, limits: TransportLimits) -> None:
        super().__init__(max_datagram_size=max_datagram_size)
        self._limits = limits

    def update_rate(self, congestion_window: int, smoothed_rtt: float) -> None:
        """See the class."""
        # "Using a value for N that is small, but at least 1 (for example, 1.25) ensures that
        # variations in RTT do not result in underutilization of the congestion window" (7.7).
        super().update_rate(congestion_window * 5 // 4, smoothed_rtt)
        if self.packet_time is not None:
            most = self.packet_time * self._limits.burst_packets
            self.bucket_max = max(self.bucket_max, min(self._limits.timer_seconds, most))


class _Silent:
    """In the place of a logger: what peers do is no matter of the library's."""

    def debug(self, *args: object) -> None:
        """Say nothing."""

    info = warning = debug


class Connection(QuicConnection):
    """A connection of aioquic with ids, tokens and credit of ours."""

    def __init__(
        self,
        configuration: QuicConfiguration,
        choose: ChooseIdentity,
        limits: TransportLimits,
        ids: ConnectionIds,
        *,
        original: bytes,
        retried: bytes | None,
    ) -> None:
        super().__init__(
            configuration=configuration,
            original_destination_connection_id=original,
            retry_source_connection_id=retried,
        )
        self._logger: Any = _Silent()
        self._loss._logger = None
        self._loss._pacer = Pacer(max_datagram_size=self._max_datagram_size, limits=limits)
        self._choose = choose
        self._ids = ids
        #: What the client has named.
        self.client_name: str | None = None
        first = self._new_id(0)
        first.was_sent = True
        self._host_cids = [first]
        self.host_cid = self._local_initial_source_connection_id = first.cid
        for limit, value in (
            (self._local_max_streams_bidi, limits.request_streams),
            (self._local_max_streams_uni, limits.unidirectional_streams),
        ):
            limit.value = limit.sent = value
        self._least_stream_credit = limits.stream_window // 2
        self._least_credit = limits.connection_window // 2
        #: Whether :attr:`_host_cids` were changed.
        self.ids_changed = True

    # ------------------------------------------------------------------ ids

    def _new_id(self, number: int) -> QuicConnectionId:
        connection_id = self._ids.make()
        return QuicConnectionId(
            cid=connection_id,
            sequence_number=number,
            stateless_reset_token=self._ids.token(connection_id),
        )

    def _replenish_connection_ids(self) -> None:
        while len(self._host_cids) < min(8, self._remote_active_connection_id_limit):
            self._host_cids.append(self._new_id(self._host_cid_seq))
            self._host_cid_seq += 1
        self.ids_changed = True

    # ------------------------------------------------------------------ credit

    def _write_connection_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace) -> None:
        for limit in (
            self._local_max_data,
            self._local_max_streams_bidi,
            self._local_max_streams_uni,
        ):
            if self._is_due(limit):
                octets = builder.start_frame(
                    limit.frame_type,
                    capacity=CONNECTION_LIMIT_FRAME_CAPACITY,
                    handler=self._on_connection_limit_delivery,
                    handler_args=(limit,),
                )
                octets.push_uint_var(int(limit.value))
                limit.sent = limit.value

    def _is_due(self, limit: Limit) -> bool:
        """Whether to tell the client about more."""
        more = limit.value - limit.sent
        if limit is self._local_max_data:
            return bool(more >= self._least_credit)
        return more > 0 and bool(limit.sent - limit.used < max(1, more))

    def _is_credit_due(self, stream: QuicStream) -> bool:
        credit = stream.max_stream_data_local - stream.max_stream_data_local_sent
        return bool(credit >= self._least_stream_credit) and not stream.receiver.is_finished

    def _write_stream_limits(
        self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: QuicStream
    ) -> None:
        if not self._is_credit_due(stream):
            return
        octets = builder.start_frame(
            QuicFrameType.MAX_STREAM_DATA,
            capacity=MAX_STREAM_DATA_FRAME_CAPACITY,
            handler=self._on_max_stream_data_delivery,
            handler_args=(stream,),
        )
        octets.push_uint_var(stream.stream_id or 0)
        octets.push_uint_var(stream.max_stream_data_local)
        stream.max_stream_data_local_sent = stream.max_stream_data_local

    def give_credit(self, stream_id: int | None, octets: int) -> None:
        """See :meth:`~h2static.quic.transport.Transport.give_credit`."""
        if stream_id is None:
            self._local_max_data.value += octets
            return
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.max_stream_data_local += octets

    # ------------------------------------------------------------------ content alone

    def _write_application(
        self, builder: QuicPacketBuilder, network_path: QuicNetworkPath, now: float
    ) -> None:
        stream = self._only_content(network_path, now)
        if stream is not None:
            self._write_content(builder, stream, now)
            if self._pacing_at is not None:
                return
        super()._write_application(builder, network_path, now)

    def _only_content(self, path: QuicNetworkPath, now: float) -> QuicStream | None:
        """The stream whose content is all that there is to say; ``None``: there is more, or
        less."""
        if not self._handshake_confirmed or not path.is_validated or path.remote_challenges:
            return None
        space = self._spaces[Epoch.ONE_RTT]
        if (
            (space.ack_at is not None and space.ack_at <= now)
            or self._handshake_done_pending
            or self._ping_pending
            or self._probe_pending
            or self._retire_connection_ids
            or self._streams_blocked_pending
            or not self._crypto_streams[Epoch.ONE_RTT].sender.buffer_is_empty
            or self._is_due(self._local_max_data)
            or self._is_due(self._local_max_streams_bidi)
            or self._is_due(self._local_max_streams_uni)
            or not all(one.was_sent for one in self._host_cids)
        ):
            return None
        found: QuicStream | None = None
        for stream in self._streams_queue:
            sender = stream.sender
            if sender.reset_pending or stream.receiver.stop_pending or self._is_credit_due(stream):
                return None
            if not sender.buffer_is_empty and not stream.is_blocked:
                if found is not None:
                    return None
                found = stream
        return found

    def _write_content(self, builder: QuicPacketBuilder, stream: QuicStream, now: float) -> None:
        """Packets of ``stream``, as many as pacing, congestion control and credit allow."""
        crypto, space = self._cryptos[Epoch.ONE_RTT], self._spaces[Epoch.ONE_RTT]
        sender = stream.sender
        pacer: Any = self._loss._pacer  # aioquic has no type for "at once"
        while not sender.buffer_is_empty:
            self._pacing_at = pacer.next_send_time(now=now)
            if self._pacing_at is not None:
                return
            builder.start_packet(QuicPacketType.ONE_RTT, crypto)
            credit = self._remote_max_data - self._remote_max_data_used
            self._remote_max_data_used += self._write_stream_frame(
                builder=builder,
                space=space,
                stream=stream,
                max_offset=min(sender.highest_offset + credit, stream.max_stream_data_remote),
            )
            if builder.packet_is_empty:
                return
            pacer.update_after_send(now=now)

    # ------------------------------------------------------------------ certificates

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        handle = self.tls._server_handle_hello

        def choose_first(input_buf: Any, *outputs: Any) -> None:
            # The certificate is chosen by the very message that the library is about to read.
            name = _server_name(input_buf.data_slice(input_buf.tell(), input_buf.capacity))
            self.client_name = name
            identity = self._choose(name)
            self.tls.certificate = identity.certificate
            self.tls.certificate_chain = identity.chain
            self.tls.certificate_private_key = identity.key
            handle(input_buf, *outputs)

        hooked: Any = self.tls
        hooked._server_handle_hello = choose_first


def _server_name(message: bytes) -> str | None:
    """What a ClientHello names; what is wrong with it the library will say."""
    try:
        return pull_client_hello(Buffer(data=message)).server_name
    except (Alert, ValueError):
        return None
