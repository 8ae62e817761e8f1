"""HTTP/3 by configuration: certificates, engines, entrances.

Contract: part of the assembly, imported only if HTTP/3 is served.  :func:`make_datagram_parts`
creates what a driver needs for its datagram sockets.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

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
from h2static.served import Served
from h2static.server import key_files
from h2static.server.datagram_entrance import (
    DatagramEntrance,
    DatagramOpening,
    DatagramParts,
    DatagramWorker,
    NamedApplications,
)
from h2static.server.datagram_sockets import DatagramSocket
from h2static.server.key_pairs import KeyPair, common_pair
from h2static.site_engines import with_options


class Http3Engines:
    """See :class:`h2static.server.datagram_entrance.DatagramEngines`; those of one port."""

    def __init__(
        self,
        config: Config,
        reached: NamedApplications,
        shared: Shared,
        limits: Limits,
        *,
        protocols: frozenset[bytes] = frozenset(),
    ) -> None:
        """``protocols``: the protocols that applications may tunnel."""
        self._pair_for = reached.pair_for
        self._services = {
            pair: make_service(
                with_options(config, application),
                limits,
                shared,
                connect_protocol=bool(protocols),
                hints=any(one.may_have_hints for one in config.sites),
                memories=not config.verbose,
            )
            for pair, application in reached.applications.items()
        }

    def make(self, opening: DatagramOpening) -> ServerConnection:
        """Implement :meth:`h2static.server.datagram_entrance.DatagramEngines.make`."""
        if opening.log is not None:
            opening.log.established()
        return ServerConnection(
            self._services[self._pair_for(opening.transport.server_name)],
            opening.client,
            opening.transport,
            opening.now,
            notify=opening.notify,
            observer=opening.log,
            report=opening.report,
        )

    def new_batch(self) -> None:
        """Implement :meth:`h2static.server.datagram_entrance.DatagramEngines.new_batch`."""
        for one in self._services.values():
            one.new_batch()

    def release(self) -> None:
        """Implement :meth:`h2static.server.datagram_entrance.DatagramEngines.release`."""
        for one in self._services.values():
            one.release()


class Identities:
    """The certificates for clients; they may be renewed."""

    def __init__(self, pairs: Iterable[KeyPair]) -> None:
        """Raises :class:`~h2static.errors.StartError`."""
        self._of = {pair: _load(pair) for pair in pairs}

    def renew(self) -> None:
        """Reload the certificates; one that cannot be used stays unchanged, which the watcher of
        the files reports."""
        for pair in self._of:
            with contextlib.suppress(StartError):
                self._of[pair] = _load(pair)

    def of(self, pair: KeyPair) -> Identity:
        """The certificate of ``pair``."""
        return self._of[pair]


def _load(pair: KeyPair) -> Identity:
    try:
        password = None
        if pair.key_password_file is not None:
            password = key_files.read_password(pair.key_password_file)
        with open(pair.cert_file, "rb") as certificate, open(pair.key_file, "rb") as key:
            return load_identity(certificate.read(), key.read(), password)
    except (OSError, ValueError, TypeError) as error:
        reason = describe(error) if isinstance(error, OSError) else str(error)
        raise StartError(f"cannot use {pair.cert_file} for HTTP/3: {reason}") from error


def limits_of(config: Config) -> Limits:
    """The limits for clients that options set."""
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
    sockets: Sequence[tuple[socket.socket, int]],
    served: Served,
    shared: Shared,
    worker: DatagramWorker | None,
    *,
    reached: Callable[[int], NamedApplications] | None = None,
) -> tuple[DatagramParts, Callable[[], None]]:
    """The parts that a driver needs for HTTP/3, and a function that reloads the certificates.

    ``sockets``: each with its place in :attr:`Config.listening`; ``reached``: the applications
    reachable at a place, by default all.  Raises :class:`~h2static.errors.StartError`.
    """
    worker = worker or DatagramWorker()
    limits = limits_of(config)
    reached = reached or _reached_by_all(config, served.application)
    ports = {place: reached(place) for _, place in sockets}
    identities = Identities({pair for one in ports.values() for pair in one.applications})
    of_quic = TransportLimits(
        request_streams=config.max_concurrent_streams,
        unidirectional_streams=limits.unidirectional_streams,
        stream_window=limits.stream_window,
        connection_window=limits.connection_window,
        idle_seconds=limits.idle_seconds,
    )
    protocols = served.protocols
    secrets = _open_key_log()
    libraries = {
        place: AioquicLibrary(_choosing(identities, one), of_quic, key_log=secrets)
        for place, one in ports.items()
    }
    engines = {
        place: Http3Engines(config, one, shared, limits, protocols=protocols)
        for place, one in ports.items()
    }
    places = worker.places([one for one, _ in sockets])
    entrances = [
        DatagramEntrance(
            socket=DatagramSocket(one, position),
            library=libraries[place],
            engines=engines[place],
            application=served.application,
        )
        for (one, place), position in zip(sockets, places, strict=True)
    ]
    return DatagramParts(entrances=entrances, worker=worker), identities.renew


def _open_key_log() -> TextIO | None:
    """Open the file for TLS secrets, for Wireshark, as OpenSSL does for TCP."""
    path = os.environ.get("SSLKEYLOGFILE")
    if not path:
        return None
    try:
        return open(path, "a", encoding="ascii", buffering=1)
    except OSError as error:
        raise StartError(f"SSLKEYLOGFILE {path}: {error.strerror}") from error


def _choosing(identities: Identities, port: NamedApplications) -> Callable[[str | None], Identity]:
    return lambda name: identities.of(port.pair_for(name))


def _reached_by_all(config: Config, application: Application) -> Callable[[int], NamedApplications]:
    """Let every HTTP/3 client reach ``application``."""
    pair = common_pair(config)
    if pair is None:
        raise StartError("HTTP/3 requires a certificate")

    def reached(place: int) -> NamedApplications:
        return NamedApplications(pair_for=lambda name: pair, applications={pair: application})

    return reached
