"""Creates the engines for the connections of an entrance, by configuration.

Contract: part of the assembly.  :class:`SiteEngines` creates an engine for each connection; shared
parts are created once.  Features that a configuration does not use are not imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from h2static.config import Config
from h2static.http.exchange import Application
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.limits import Limits as Http2Limits
from h2static.http2.server import ServerConnection
from h2static.http2.service import Service, make_service
from h2static.http2.settings import LocalSettings
from h2static.server.alt_svc import with_alt_svc
from h2static.server.engine import Engine
from h2static.server.entrance import HTTP2, Engines, Opening

if TYPE_CHECKING:
    from h2static.http1.limits import Limits as Http1Limits
    from h2static.http1.memory import Memory
    from h2static.virtual_hosts import MakeEngines


def with_options(config: Config, application: Application) -> Application:
    """``application`` with the response options for HTTP/2."""
    if not (config.trailers or config.no_content_length or config.early_response):
        return application
    from h2static.server.response_options import ResponseOptions

    return ResponseOptions(
        application,
        trailers=config.trailers,
        no_content_length=config.no_content_length,
        early=config.early_response,
    )


def engines_beside(config: Config, shared: Shared, protocols: frozenset[bytes]) -> MakeEngines:
    """Create engines for :class:`~h2static.virtual_hosts.VirtualHosts`."""

    def make(
        application: Application,
        *,
        gateway: Application,
        secure: bool,
        origins: Sequence[tuple[bytes, ...]],
        beside: Engines | None,
        port: int | None = None,
    ) -> SiteEngines:
        if secure:
            application = with_alt_svc(config, application, port)
        return SiteEngines(
            config,
            with_options(config, application),
            application,
            shared,
            secure=secure,
            protocols=protocols,
            origins=origins,
            gateway=(with_options(config, gateway), gateway),
            beside=beside if isinstance(beside, SiteEngines) else None,
        )

    return make


class SiteEngines:
    """Creates the engines of a configuration; see :class:`h2static.server.entrance.Engines`."""

    def __init__(
        self,
        config: Config,
        http2_application: Application,
        http1_application: Application,
        shared: Shared,
        *,
        secure: bool,
        protocols: frozenset[bytes] = frozenset(),
        http2_limits: Http2Limits | None = None,
        http1_limits: Http1Limits | None = None,
        origins: Sequence[tuple[bytes, ...]] = (),
        gateway: tuple[Application, Application] | None = None,
        beside: SiteEngines | None = None,
    ) -> None:
        """``origins``: see :class:`~h2static.http2.service.Service`.  ``gateway``: the application
        for trusted proxies over HTTP/2 and HTTP/1.1, if different.  ``beside``: shares its caches
        of decoded header blocks; must have the same configuration, secure or not."""
        self.protocols: tuple[str, ...] = config.protocols
        self._application = http1_application
        gateways = gateway or (http2_application, http1_application)
        self._gateway = gateways[1]
        self._shared = shared
        self._http1_limits = http1_limits
        self._http1_memory: Memory | None = None
        self._tunneled = protocols
        limits = http2_limits if http2_limits is not None else Http2Limits()
        settings = _settings(config, limits, connect_protocol=bool(protocols))
        hints = any(one.may_have_hints for one in config.sites)
        # TLS, and dumps of what is sent, look at every octet.
        maps = not secure and not config.hexdump
        self._service: Service = make_service(
            http2_application,
            settings,
            limits,
            shared,
            schemes=frozenset((b"https" if secure else b"http",)),
            sections=None if beside is None else beside._service.sections,
            blocks=None if beside is None else beside._service.blocks,
            hints=hints,
            origins=origins,
            maps=maps,
        )
        #: For a trusted proxy, which may have been asked by another scheme.
        self._proxied: Service | None = None
        if config.trusted_proxies:
            self._proxied = make_service(
                gateways[0],
                settings,
                limits,
                shared,
                schemes=frozenset((b"http", b"https")),
                blocks=self._service.blocks,
                hints=hints,
                maps=maps,
            )

    def make(self, protocol: str, opening: Opening) -> Engine:
        """Implement :meth:`h2static.server.entrance.Engines.make`."""
        return self._http2(opening) if protocol == HTTP2 else self._http1(opening)

    def new_batch(self) -> None:
        """Implement :meth:`h2static.server.entrance.Engines.new_batch`."""
        self._service.new_batch()
        if self._proxied is not None:
            self._proxied.new_batch()

    def release(self) -> None:
        """Implement :meth:`h2static.server.entrance.Engines.release`."""
        self._service.release()
        if self._proxied is not None:
            self._proxied.release()
        if self._http1_memory is not None:
            self._http1_memory.release()

    def _http2(self, opening: Opening) -> Engine:
        service = self._service
        if opening.proxied and self._proxied is not None:
            service = self._proxied
        report = opening.report
        return ServerConnection(
            service,
            opening.client,
            opening.now,
            notify=opening.notify,
            observer=opening.log,
            report=lambda violation: report(violation.text),
        )

    def _http1(self, opening: Opening) -> Engine:
        from h2static.http1.connection import ServerConnection as Http1Connection
        from h2static.http1.memory import Memory

        if self._http1_memory is None:
            self._http1_memory = Memory(self._shared)
        return Http1Connection(
            self._gateway if opening.proxied else self._application,
            opening.client,
            self._shared,
            opening.now,
            limits=self._http1_limits,
            memory=self._http1_memory,
            protocols=self._tunneled,
            proxied=opening.proxied,
            notify=opening.notify,
            observer=None if opening.log is None else opening.log.finished,
            report=opening.report,
        )


def _settings(config: Config, limits: Http2Limits, *, connect_protocol: bool) -> LocalSettings:
    bits, connection_bits = config.window_bits, config.connection_window_bits
    # Who sets a window wants to see that one.
    largest = limits.upload_window if bits is None and connection_bits is None else 0
    return LocalSettings(
        header_table_size=config.header_table_size,
        encoder_header_table_size=config.encoder_header_table_size,
        max_concurrent_streams=config.max_concurrent_streams,
        initial_window_size=None if bits is None else 2**bits - 1,
        connection_window_size=(
            r.INITIAL_WINDOW_SIZE if connection_bits is None else 2**connection_bits - 1
        ),
        largest_stream_window=largest,
        largest_connection_window=largest,
        padding=config.padding,
        enable_connect_protocol=connect_protocol,
    )
