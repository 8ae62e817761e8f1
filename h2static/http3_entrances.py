"""HTTP/3 by configuration: certificates, engines, entrances.

Contract: part of the assembly, imported only where HTTP/3 is served.  :func:`make_datagram_parts`
makes what a driver needs of the sockets for datagrams.  :func:`with_alt_svc` has responses over TLS
tell of HTTP/3, or have clients forget it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from h2static.config import Config, describe
from h2static.errors import StartError
from h2static.http.exchange import Application
from h2static.http.shared import Shared
from h2static.http3.connection import ServerConnection
from h2static.http3.limits import Limits
from h2static.http3.service import make_service
from h2static.quic.aioquic_connection import Identity
from h2static.quic.aioquic_transport import AioquicLibrary, load_identity
from h2static.quic.library import TransportLimits
from h2static.server import key_files
from h2static.server.datagram_entrance import (
    DatagramEntrance,
    DatagramOpening,
    DatagramParts,
    DatagramWorker,
)
from h2static.server.datagram_sockets import DatagramSocket


class Http3Engines:
    """See :class:`h2static.server.datagram_entrance.DatagramEngines`."""

    def __init__(
        self,
        config: Config,
        application: Application,
        shared: Shared,
        limits: Limits,
        *,
        protocols: frozenset[bytes] = frozenset(),
    ) -> None:
        """``protocols``: what ``application`` may tunnel."""
        self._service = make_service(
            application,
            limits,
            shared,
            connect_protocol=bool(protocols),
            hints=any(one.may_have_hints for one in config.sites),
        )

    def make(self, opening: DatagramOpening) -> ServerConnection:
        """See :class:`h2static.server.datagram_entrance.DatagramEngines`."""
        if opening.log is not None:
            opening.log.established()
        return ServerConnection(
            self._service,
            opening.client,
            opening.transport,
            opening.now,
            notify=opening.notify,
            observer=opening.log,
            report=opening.report,
        )

    def new_batch(self) -> None:
        """See :class:`h2static.server.datagram_entrance.DatagramEngines`."""
        self._service.new_batch()

    def release(self) -> None:
        """See :class:`h2static.server.datagram_entrance.DatagramEngines`."""
        self._service.release()


class CertificateOfConfig:
    """The certificate that clients are shown; it may be renewed."""

    def __init__(self, config: Config) -> None:
        """Raises :class:`~h2static.errors.StartError`."""
        self._config = config
        self._identity = self._load()

    def _load(self) -> Identity:
        config = self._config
        assert config.cert_file is not None
        assert config.key_file is not None
        try:
            password = None
            if config.key_password_file is not None:
                password = key_files.read_password(config.key_password_file)
            with open(config.cert_file, "rb") as certificate, open(config.key_file, "rb") as key:
                return load_identity(certificate.read(), key.read(), password)
        except (OSError, ValueError, TypeError) as error:
            reason = describe(error) if isinstance(error, OSError) else str(error)
            raise StartError(f"cannot use the certificate for HTTP/3: {reason}") from error

    def renew(self) -> None:
        """Take what is in the files now.  Raises :class:`~h2static.errors.StartError`."""
        self._identity = self._load()

    def choose(self, name: str | None) -> Identity:
        """What a client is shown that asks for ``name``."""
        return self._identity


def limits_of(config: Config) -> Limits:
    """What clients may do, as far as options say."""
    defaults = Limits()
    if config.window_bits is None and config.connection_window_bits is None:
        return defaults
    stream, connection = config.window_bits, config.connection_window_bits
    return Limits(
        stream_window=defaults.stream_window if stream is None else 2**stream - 1,
        connection_window=defaults.connection_window if connection is None else 2**connection - 1,
        # Who sets a window wants to see that one.
        upload_window=0,
    )


def make_datagram_parts(
    config: Config,
    sockets: Sequence[socket.socket],
    application: Application,
    shared: Shared,
    worker: DatagramWorker,
    *,
    protocols: frozenset[bytes] = frozenset(),
) -> tuple[DatagramParts, Callable[[], None]]:
    """What a driver needs for HTTP/3 on ``sockets``, and what has the certificate be read again.

    Raises :class:`~h2static.errors.StartError`.
    """
    limits = limits_of(config)
    certificate = CertificateOfConfig(config)
    library = AioquicLibrary(
        certificate.choose,
        TransportLimits(
            request_streams=config.max_concurrent_streams,
            unidirectional_streams=limits.unidirectional_streams,
            stream_window=limits.stream_window,
            connection_window=limits.connection_window,
            idle_seconds=limits.idle_seconds,
        ),
    )
    engines = Http3Engines(config, application, shared, limits, protocols=protocols)
    entrances = [
        DatagramEntrance(
            socket=DatagramSocket(one, place),
            library=library,
            engines=engines,
            application=application,
        )
        for one, place in zip(sockets, worker.places(sockets), strict=True)
    ]
    return DatagramParts(entrances=entrances, worker=worker), certificate.renew
