"""A connection of aioquic with connection ids, certificates and credit of ours.

Contract: what aioquic decides by itself and this package decides otherwise is overridden in
:class:`Connection`, and nowhere else: which connection ids and reset tokens there are, which
certificate a client is shown, and when a peer gets credit (aioquic doubles its windows whatever was
read).  These are no public parts of aioquic, which is why its version is bounded in
``pyproject.toml`` and each has a test.
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
    QuicConnection,
    QuicConnectionId,
)
from aioquic.quic.packet import QuicFrameType
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream
from aioquic.tls import Alert, pull_client_hello

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
        data = self._local_max_data
        for limit in (data, self._local_max_streams_bidi, self._local_max_streams_uni):
            if limit is data:
                if limit.value - limit.sent < self._least_credit:
                    continue
            elif limit.sent - limit.used >= max(1, limit.value - limit.sent):
                continue
            if limit.value != limit.sent:
                octets = builder.start_frame(
                    limit.frame_type,
                    capacity=CONNECTION_LIMIT_FRAME_CAPACITY,
                    handler=self._on_connection_limit_delivery,
                    handler_args=(limit,),
                )
                octets.push_uint_var(int(limit.value))
                limit.sent = limit.value

    def _write_stream_limits(
        self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: QuicStream
    ) -> None:
        credit = stream.max_stream_data_local - stream.max_stream_data_local_sent
        if credit < self._least_stream_credit or stream.receiver.is_finished:
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
