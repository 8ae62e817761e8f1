"""How a configuration becomes a server: the one room that knows everybody.

Contract: :func:`assemble` makes a :class:`~h2static.server.server.Server` of a
:class:`~h2static.config.Config` and of listening sockets: applications, engines, entrances, logs.
It opens everything or nothing.  Nothing else in the package knows which applications and which
protocols there are.

Strategy: what a configuration does not ask for is not imported: a worker on cleartext needs no
OpenSSL context, one whose clients speak HTTP/2 no HTTP/1.1.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from h2static.config import Config, describe
from h2static.errors import StartError
from h2static.http.exchange import Application
from h2static.http.lifecycle import lifecycle_of
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.limits import Limits as Http2Limits
from h2static.http2.server import ServerConnection
from h2static.http2.service import Service, make_service
from h2static.http2.settings import LocalSettings
from h2static.logs.console import Console, is_colored
from h2static.logs.errors import ErrorLog
from h2static.server.driver import SPIN_SECONDS, Driver
from h2static.server.engine import Engine
from h2static.server.entrance import HTTP1, HTTP2, Entrance, Opening
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.pool import Pool
from h2static.server.server import Hosted, Parts, Server
from h2static.site import Site
from h2static.site.refusals import Refusals

if TYPE_CHECKING:
    from h2static.hosting import Documents
    from h2static.http1.limits import Limits as Http1Limits
    from h2static.http1.memory import Memory
    from h2static.logs.access import AccessLog
    from h2static.server.certificate_watch import CertificateWatch

#: Addresses that a browser on this machine reaches as ``localhost``.
_LOCALHOST: Final = ("127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 -- compared, not bound


def assemble(
    config: Config,
    sockets: Sequence[socket.socket],
    *,
    several: bool,
    first: bool = True,
    spin: float = SPIN_SECONDS,
    warn: Callable[[Sequence[str]], None] | None = None,
    limits: ServerLimits = DEFAULT_LIMITS,
    objects: Mapping[str, object] | None = None,
    restart: Callable[[], None] | None = None,
) -> Server:
    """A server of what ``config`` says on ``sockets``, which are the server's from now on.

    ``objects``: applications by prefix that are there already, and need no import.  ``restart`` is
    called, in a thread, when dev mode finds that modules of applications have changed.

    ``several``: other processes serve the same addresses.  ``first``: whether it is for this
    process to talk to the person at the terminal, and to open a browser; one of several does.
    ``spin``: seconds to wait in the poller after activity, while other tasks of the event loop
    wait.  ``warn`` is told what is left out of the owner's files whenever that changes; by default
    the error log is.  Raises :class:`~h2static.errors.StartError` when a file cannot be used.
    """
    watch = make_certificate_watch(config, tickets=not several)
    tls = make_tls(config, tickets=not several)
    with contextlib.ExitStack() as undo:
        error_log, access_log = open_logs(config, undo)
        pool = _make_pool(error_log, limits)
        undo.callback(pool.close)
        served = make_applications(
            config,
            pool,
            page=_page(config, sockets, first),
            tells=first,
            error_log=error_log,
            objects=objects,
            restart=restart,
        )
        shared = Shared(journal=None if access_log is None else [])
        entrances = make_entrances(
            config, sockets, served.application, shared, tls=tls, protocols=served.protocols
        )
        driver = Driver(
            entrances,
            shared,
            error_log,
            pool=pool,
            console=Console(config),
            access_log=access_log,
            trusted_proxies=config.trusted_proxies,
            proxy_protocol=config.proxy_protocol,
            # Applications have tasks in this loop: each moment in the poller would be theirs.
            spin=0.0 if served.hosted else spin,
            limits=limits,
        )
        undo.pop_all()
    return Server(
        Parts(
            driver=driver,
            hosted=served.hosted,
            lifecycles=tuple({lifecycle_of(one.application): None for one in entrances}),
            error_log=error_log,
            access_log=access_log,
            warnings=served.warnings,
            warn=warn,
            on_stopping=served.on_stopping,
            on_not_restarted=served.on_not_restarted,
            renew=_renewing(watch, pool, entrances, error_log, tells=first),
            limits=limits,
        )
    )


def make_tls(config: Config, *, tickets: bool) -> ssl.SSLContext | None:
    """The TLS context of ``config``; ``tickets`` as for
    :func:`~h2static.server.tls.make_context`."""
    if config.no_tls:
        return None
    from h2static.server.tls import make_context

    return make_context(config, tickets=tickets)


def make_certificate_watch(config: Config, *, tickets: bool) -> CertificateWatch | None:
    """What finds out that the certificate of ``config`` was renewed, if that is wanted.

    To be made before :func:`make_tls` reads the files.
    """
    if config.no_tls or not config.watch_certificate:
        return None
    from h2static.server.certificate_watch import CertificateWatch
    from h2static.server.tls import make_context

    return CertificateWatch(config, lambda: make_context(config, tickets=tickets))


def _renewing(
    watch: CertificateWatch | None,
    pool: Pool,
    entrances: Sequence[Entrance],
    error_log: ErrorLog,
    *,
    tells: bool,
) -> Callable[[], None]:
    """What has ``watch`` look; ``tells``: whether this process reports what comes of it."""
    if watch is None:
        return lambda: None
    from h2static.server.certificate_watch import Renewal

    def use(context: ssl.SSLContext) -> None:
        for one in entrances:
            one.tls = context

    def report(text: str) -> None:
        if tells:
            error_log.report("certificate", "", text)

    renewal = Renewal(use=use, report=report)
    return lambda: watch.look(pool, renewal)


def _make_pool(error_log: ErrorLog, limits: ServerLimits) -> Pool:
    """Threads.  Raises ``StartError``."""
    try:
        return Pool(lambda text: error_log.report("internal", "", text), limits.threads)
    except (OSError, RuntimeError) as error:
        raise StartError(f"cannot start a thread for reading files: {error}") from error


def _make_error_log(config: Config) -> ErrorLog:
    if config.dev and config.error_log is None:
        from h2static.logs.dev_errors import DevErrorLog

        return DevErrorLog()
    return ErrorLog(config.error_log)


def open_logs(config: Config, undo: contextlib.ExitStack) -> tuple[ErrorLog, AccessLog | None]:
    """Open the logs; ``undo`` closes them again.  Raises ``StartError``."""
    try:
        error_log = _make_error_log(config)
        undo.callback(error_log.close)
        if config.access_log is None:
            return error_log, None
        from h2static.logs.access import AccessLog

        color = config.access_log == "-" and is_colored(config)
        access_log = AccessLog(config.access_log, config.log_format, color=color)
    except OSError as error:
        raise StartError(f"cannot open the log {error.filename}: {error.strerror}") from error
    undo.callback(access_log.close)
    return error_log, access_log


# ---------------------------------------------------------------------- applications


@dataclass(slots=True, kw_only=True)
class Served:
    """What is served, and what there is to say about it."""

    #: The outermost application; its lifecycle is that of all.
    application: Application
    #: What the owner of the site is to know by now, one line each.
    warnings: Callable[[], tuple[str, ...]]
    #: To be called as soon as the server is asked to stop.
    on_stopping: Callable[[], None]
    #: What the application takes beside requests: ``websocket``, or nothing.
    protocols: frozenset[bytes] = frozenset()
    #: To be told why applications that were to start again have not.
    on_not_restarted: Callable[[str], None] = lambda text: None
    #: Applications that have to start.
    hosted: tuple[Hosted, ...] = ()


def make_applications(
    config: Config,
    pool: Pool,
    *,
    page: str | None,
    tells: bool,
    error_log: ErrorLog | None = None,
    objects: Mapping[str, object] | None = None,
    restart: Callable[[], None] | None = None,
) -> Served:
    """The site, applications, and what ``config`` asks for around them, imported only then.

    ``page``: what ``--open`` opens in a browser.  ``tells``: whether this worker speaks for all:
    in dev mode to the person at the terminal, otherwise of files that will not be sent as one might
    expect.  ``error_log``: where applications' errors go, standard error by default.  ``objects``,
    ``restart``: as for :func:`assemble`.  Raises ``StartError``.
    """
    served = Served(application=Refusals(), warnings=tuple, on_stopping=lambda: None)
    site = _make_site(config, pool, tells) if config.folder else None
    documents: Documents | None = None
    if site is not None:
        served.application = site
        served.warnings = lambda: (*site.warnings, *site.notices)
    if config.apps:
        from h2static.hosting import host_applications

        hosted = host_applications(
            config.apps, objects or {}, site, error_log or ErrorLog(), pool.submit
        )
        served.application, served.hosted = hosted.application, hosted.hosted
        served.protocols = hosted.protocols
        documents = hosted.documents
    if config.dev or config.live_reload or page is not None:
        from h2static.dev.extension import make_dev
        from h2static.dev.source import NoFolder

        extension = make_dev(
            config,
            NoFolder() if site is None else site,
            documents=documents,
            page=page,
            tells=tells,
            restart=restart,
        )
        of_site = served.warnings
        served.application, served.on_not_restarted = extension.application, extension.tell_problem
        served.warnings = lambda: (*of_site(), *extension.warnings)
    if config.cors:
        from h2static.dev.cors import CorsApplication

        served.application = CorsApplication(served.application)
    if config.health is not None:
        from h2static.server.health import HealthApplication

        health = HealthApplication(served.application, config.health)

        def turn_away() -> None:
            health.draining = True

        served.application, served.on_stopping = health, turn_away
    return served


def _make_site(config: Config, pool: Pool, tells: bool) -> Site:
    # Where an application has no prefix, it answers for what the folder has not.
    falls_through = any(not one.prefix for one in config.apps)
    try:
        return Site(
            config.site,
            clock=time.time,
            submit=pool.submit,
            alone=threading.Lock(),
            survey=tells,
            falls_through=falls_through,
        )
    except (OSError, ValueError) as error:
        raise StartError(describe(error)) from error


def _page(config: Config, sockets: Sequence[socket.socket], first: bool) -> str | None:
    """What to open in a browser on this machine; ``None``: nothing."""
    return page_of(config.scheme, sockets) if config.open and first else None


def page_of(scheme: str, sockets: Sequence[socket.socket]) -> str | None:
    """The URL for a browser on this machine; ``None`` when it reaches none of ``sockets``."""
    places = [one.getsockname()[:2] for one in sockets if one.family != socket.AF_UNIX]
    if not places:
        return None
    for host, port in places:
        if host in _LOCALHOST:
            return f"{scheme}://localhost:{port}/"
    host, port = places[0]
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


# ---------------------------------------------------------------------- entrances and engines


def make_entrances(
    config: Config,
    sockets: Sequence[socket.socket],
    application: Application,
    shared: Shared,
    *,
    tls: ssl.SSLContext | None = None,
    protocols: frozenset[bytes] = frozenset(),
    http2_limits: Http2Limits | None = None,
    http1_limits: Http1Limits | None = None,
) -> list[Entrance]:
    """An entrance for each of ``sockets``; all of them serve ``application``.

    ``tls``: ``None`` for cleartext.  ``protocols``: what ``application`` may tunnel; a browser that
    is offered one and gets none does not try another way.  Limits are the defaults of the protocols
    unless given.
    """
    outer = application
    if config.trailers or config.no_content_length or config.early_response:
        from h2static.server.response_options import ResponseOptions

        outer = ResponseOptions(
            application,
            trailers=config.trailers,
            no_content_length=config.no_content_length,
            early=config.early_response,
        )
    engines = SiteEngines(
        config,
        outer,
        application,
        shared,
        secure=tls is not None,
        protocols=protocols,
        http2_limits=http2_limits,
        http1_limits=http1_limits,
    )
    return [Entrance(socket=one, tls=tls, engines=engines, application=outer) for one in sockets]


class SiteEngines:
    """Makes the engines of a configuration; see :class:`h2static.server.entrance.Engines`."""

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
    ) -> None:
        self.protocols: tuple[str, ...] = (HTTP2,) if config.http2_only else (HTTP2, HTTP1)
        self._application = http1_application
        self._shared = shared
        self._http1_limits = http1_limits
        self._http1_memory: Memory | None = None
        self._tunneled = protocols
        limits = http2_limits if http2_limits is not None else Http2Limits()
        settings = _settings(config, limits, connect_protocol=bool(protocols))
        hints = config.site.may_have_hints
        self._service = make_service(
            http2_application,
            settings,
            limits,
            shared,
            schemes=frozenset((b"https" if secure else b"http",)),
            hints=hints,
        )
        #: For a trusted proxy, which may have been asked by another scheme.
        self._proxied: Service | None = None
        if config.trusted_proxies:
            self._proxied = make_service(
                http2_application,
                settings,
                limits,
                shared,
                schemes=frozenset((b"http", b"https")),
                blocks=self._service.blocks,
                hints=hints,
            )

    def make(self, protocol: str, opening: Opening) -> Engine:
        """See :class:`h2static.server.entrance.Engines`."""
        return self._http2(opening) if protocol == HTTP2 else self._http1(opening)

    def new_batch(self) -> None:
        """See :class:`h2static.server.entrance.Engines`."""
        self._service.new_batch()
        if self._proxied is not None:
            self._proxied.new_batch()

    def release(self) -> None:
        """See :class:`h2static.server.entrance.Engines`."""
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
            self._application,
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
