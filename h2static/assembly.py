"""Builds a server from a configuration: the one module that knows all parts.

Contract: :func:`assemble` builds a :class:`~h2static.server.server.Server` from a
:class:`~h2static.config.Config` and listening sockets: applications, engines, entrances, logs.  It
opens everything or nothing.  No other module in the package knows all applications and protocols.

Strategy: features that a configuration does not use are not imported: a cleartext worker needs no
OpenSSL context, one that serves HTTP/2 only needs no HTTP/1.1.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from h2static.common_certificate import (
    certificate_reporter,
    context_of,
    make_certificate_watch,
    make_tls,
    renewing,
)
from h2static.config import LOCALHOST, Config, describe
from h2static.errors import StartError
from h2static.host_config import MountConfig
from h2static.http.exchange import Application
from h2static.http.lifecycle import lifecycle_of
from h2static.http.messages import Request
from h2static.http.shared import Shared
from h2static.http2.limits import Limits as Http2Limits
from h2static.logs.console import Console, is_colored
from h2static.logs.errors import ErrorLog
from h2static.served import Served
from h2static.server.alt_svc import with_alt_svc
from h2static.server.driver import SPIN_SECONDS, Driver
from h2static.server.entrance import Entrance
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.pool import Pool
from h2static.server.processors import usable_processors
from h2static.server.server import Parts, Server
from h2static.site import Site
from h2static.site.refusals import Refusals
from h2static.site.site import Neighbours
from h2static.site_engines import SiteEngines, engines_beside, with_options

if TYPE_CHECKING:
    from h2static.asgi.lifespan import Lifespan
    from h2static.documents import Documents
    from h2static.http1.limits import Limits as Http1Limits
    from h2static.logs.access import AccessLog
    from h2static.server.datagram_entrance import DatagramWorker


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
    stand_in: object | None = None,
    restart: Callable[[], None] | None = None,
    replace: Callable[[int], None] | None = None,
    places: Sequence[int] = (),
    datagrams: DatagramWorker | None = None,
) -> Server:
    """Build a server from ``config`` on ``sockets``, which the server then owns.

    ``objects``: application objects of the main site by prefix, which need no import.  ``stand_in``
    is served in place of each application of every host.  ``restart`` is called, in a thread, when
    dev mode detects changed modules of applications; ``replace`` with the octets of memory, when
    they exceed the limit and cannot be freed.

    ``places``: the index in :attr:`Config.listening` of each of ``sockets``; by default the first.
    ``datagrams``: the other workers, if there are sockets for HTTP/3; by default none.

    ``several``: other processes serve the same addresses.  ``first``: whether this process writes
    to the terminal and opens a browser, which one of several does.  ``spin``: seconds to wait in
    the poller after activity, while other tasks of the event loop wait.  ``warn`` gets the warnings
    about the owner's files whenever they change; by default they go to the error log.  Raises
    :class:`~h2static.errors.StartError` if a file cannot be used.
    """
    udp = [one for one in _placed(sockets, places) if one[0].type == socket.SOCK_DGRAM]
    tcp = [one for one in _placed(sockets, places) if one[0].type != socket.SOCK_DGRAM]
    if config.http3_only:
        # The addresses are kept, and connections refused.
        tcp = []
    renewed: list[Callable[[], None]] = []
    # Each port has a single table.
    by_name = bool(config.hosts or config.listens)
    watch = None if by_name else make_certificate_watch(config, tickets=not several)
    tls = None if by_name else make_tls(config, tickets=not several)
    with contextlib.ExitStack() as undo:
        error_log, access_log = open_logs(config, undo)
        pool = _make_pool(error_log, limits)
        undo.callback(pool.close)
        shared = Shared(journal=None if access_log is None else [])

        lifespans: dict[int, Lifespan] = {}

        def applications(own: Config, page: str | None, label: str = "") -> Served:
            brought = None if label else objects
            if stand_in is not None:
                brought = dict.fromkeys([one.prefix for one in own.apps], stand_in)
            return make_applications(
                own,
                pool,
                page=page,
                tells=first,
                error_log=error_log,
                objects=brought,
                restart=restart,
                label=label,
                lifespans=lifespans,
            )

        page = _page(config, sockets, places, first)
        if by_name:
            from h2static.virtual_hosts import assemble_hosts

            served, entrances, renew, reached = assemble_hosts(
                config,
                tcp,
                pool=pool,
                report=certificate_reporter(error_log, tells=first),
                make_applications=lambda own, label, opens: applications(
                    own, page if opens else None, label
                ),
                make_context=lambda own: context_of(own, tickets=not several),
                make_engines=lambda served: engines_beside(config, shared, served.protocols),
                renewed=renewed,
            )
        else:
            served = applications(config, page)
            entrances = make_entrances(
                config,
                [one for one, _ in tcp],
                served.application,
                shared,
                tls=tls,
                protocols=served.protocols,
            )
            renew = renewing(watch, pool, entrances, error_log, also=renewed, tells=first)
            reached = None
        http3 = None
        if udp:
            from h2static.http3_entrances import make_datagram_parts

            http3, renew_http3 = make_datagram_parts(
                config, udp, served, shared, datagrams, reached=reached
            )
            renewed.append(renew_http3)
        driver = Driver(
            entrances,
            shared,
            error_log,
            pool=pool,
            console=Console(config),
            access_log=access_log,
            trusted_proxies=config.trusted_proxies,
            proxy_protocol=config.proxy_protocol,
            # Applications have tasks in this loop, which would wait during the spinning.
            spin=0.0 if served.hosted else spin,
            busy_wait=config.workers <= usable_processors(),
            limits=limits,
            datagrams=http3,
        )
        if served.proxies:
            from h2static.proxying import attach_proxies

            attach_proxies(served.proxies, driver, pool, shared, sockets)
        undo.pop_all()
    return Server(
        Parts(
            driver=driver,
            hosted=served.hosted,
            services=tuple(one.run for one in served.proxies),
            # HTTP/3 serves what is inside of the other entrances' applications.
            lifecycles=tuple(
                {
                    lifecycle_of(one.application): None
                    for one in entrances or (() if http3 is None else http3.entrances)
                }
            ),
            error_log=error_log,
            access_log=access_log,
            warnings=served.warnings,
            warn=warn,
            on_stopping=served.on_stopping,
            on_not_restarted=served.on_not_restarted,
            renew=renew,
            max_memory=config.max_memory,
            replace=replace,
            limits=limits,
        )
    )


def _make_pool(error_log: ErrorLog, limits: ServerLimits) -> Pool:
    """Create the thread pool.  Raises ``StartError``."""
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
        access_log = AccessLog(
            config.access_log, config.log_format, color=color, host_of=_labels(config)
        )
    except OSError as error:
        raise StartError(f"cannot open the log {error.filename}: {error.strerror}") from error
    undo.callback(access_log.close)
    return error_log, access_log


def _labels(config: Config) -> Callable[[Request], str] | None:
    if not config.hosts:
        return None
    from h2static.virtual_hosts import labels

    return labels(config)


# ---------------------------------------------------------------------- applications


def make_applications(
    config: Config,
    pool: Pool,
    *,
    page: str | None,
    tells: bool,
    error_log: ErrorLog | None = None,
    objects: Mapping[str, object] | None = None,
    restart: Callable[[], None] | None = None,
    label: str = "",
    lifespans: dict[int, Lifespan] | None = None,
) -> Served:
    """Create the site, the applications, and the wrappers that ``config`` requires.

    ``page``: the URL for ``--open``.  ``tells``: whether this worker reports for all: changes in
    dev mode, and files that will not be sent as expected.  ``error_log``: for applications' errors,
    standard error by default.  ``objects``, ``restart``: as for :func:`assemble`.  ``label``,
    ``lifespans``: as for :func:`~h2static.hosting.host_applications`.  Raises ``StartError``.
    """
    served = Served(application=Refusals(), warnings=tuple, on_stopping=lambda: None)
    neighbours = Neighbours([one.prefix for one in config.mounts]) if config.mounts else None
    site = _make_site(config, pool, tells, neighbours) if config.folder else None
    documents: Documents | None = None
    mounts = {one.prefix: _make_mount(one, pool, tells, neighbours) for one in config.mounts}
    if site is not None:
        served.application = site
    if config.apps or mounts or config.proxies:
        from h2static.documents import put_together

        routes: dict[str, Application] = {}
        if config.apps:
            from h2static.hosting import host_applications

            log = error_log or ErrorLog()
            hosted = host_applications(
                config.apps,
                objects or {},
                site,
                log,
                pool.submit,
                {} if lifespans is None else lifespans,
                label,
            )
            routes.update(hosted.by_prefix)
            served.hosted, served.protocols = hosted.hosted, hosted.protocols
        if config.proxies:
            from h2static.proxying import make_proxies, protocols_of

            proxies = make_proxies(config, site or Refusals(), error_log or ErrorLog(), label)
            routes.update(proxies)
            served.proxies = tuple(proxies.values())
            served.protocols |= protocols_of(served.proxies)
        served.application, documents = put_together(site, mounts, routes)
        if neighbours is not None:
            neighbours.introduce(documents.look)
    served.warnings = _warnings_of(site, mounts)
    if config.dev or config.live_reload or page is not None:
        from h2static.dev.extension import make_dev, print_line
        from h2static.dev.source import NoFolder

        of_host = label and f"{label}: "
        extension = make_dev(
            config,
            NoFolder() if site is None else site,
            mounts=mounts,
            documents=documents,
            page=page,
            tells=tells,
            restart=restart,
            report=lambda text: print_line(of_host + text),
        )
        of_sites = served.warnings
        served.application, served.on_not_restarted = extension.application, extension.tell_problem
        served.warnings = lambda: (*of_sites(), *extension.warnings)
    _add_wrappers(config, served, pool.post)
    return served


def _warnings_of(site: Site | None, mounts: Mapping[str, Site]) -> Callable[[], tuple[str, ...]]:
    """Warnings for the owners of folders, one line each."""
    folders = [] if site is None else [("", site)]
    folders += [(f"{prefix}: ", one) for prefix, one in mounts.items()]
    return lambda: tuple(
        start + text for start, one in folders for text in (*one.warnings, *one.notices)
    )


def _add_wrappers(
    config: Config, served: Served, post: Callable[[Callable[[], None]], None]
) -> None:
    """Wrap the application as ``config`` requires."""
    if config.mock:
        from h2static.dev.mock import make_mock

        served.application = make_mock(config, served.application)
    if config.delay or config.rate or config.fail:
        from h2static.dev.trouble import make_trouble

        served.application = make_trouble(config, served.application, post)
    if config.auth:
        from h2static.server.basic_auth import ask_for_passwords

        served.application = ask_for_passwords(config.auth, served.application, Refusals(), post)
    if config.cors:
        from h2static.dev.cors import CorsApplication

        # Outside of authentication, because browsers send no password with a preflight request.
        served.application = CorsApplication(served.application)
    if config.health is not None:
        from h2static.server.health import HealthApplication

        health = HealthApplication(served.application, config.health)

        def turn_away() -> None:
            health.draining = True

        served.application, served.on_stopping = health, turn_away


def _make_mount(mount: MountConfig, pool: Pool, tells: bool, neighbours: Neighbours | None) -> Site:
    try:
        return Site(
            mount.site,
            clock=time.time,
            submit=pool.submit,
            alone=threading.Lock(),
            survey=tells,
            base=mount.prefix,
            neighbours=neighbours,
        )
    except (OSError, ValueError) as error:
        raise StartError(f"{mount.where}: {describe(error)}") from error


def _make_site(config: Config, pool: Pool, tells: bool, neighbours: Neighbours | None) -> Site:
    # An application without a prefix answers for missing files.
    prefixes = [one.prefix for one in config.apps] + [one.prefix for one in config.proxies]
    falls_through = "" in prefixes
    try:
        return Site(
            config.site,
            clock=time.time,
            submit=pool.submit,
            alone=threading.Lock(),
            survey=tells,
            falls_through=falls_through,
            neighbours=neighbours,
        )
    except (OSError, ValueError) as error:
        raise StartError(describe(error)) from error


def _page(
    config: Config, sockets: Sequence[socket.socket], places: Sequence[int], first: bool
) -> str | None:
    """The URL to open in a browser on this machine; ``None``: none."""
    if not (config.open and first):
        return None
    name = None
    if config.hosts:
        from h2static.virtual_hosts import opened_host

        _, name = opened_host(config)
    # Those of the first port; all have the same number.
    first_port = [one for one, place in _placed(sockets, places) if not place]
    return page_of(config.scheme, first_port, name)


def _placed(
    sockets: Sequence[socket.socket], places: Sequence[int]
) -> list[tuple[socket.socket, int]]:
    return list(zip(sockets, places or (0,) * len(sockets), strict=True))


def page_of(scheme: str, sockets: Sequence[socket.socket], name: str | None = None) -> str | None:
    """The URL for a browser on this machine; ``None`` if it cannot reach any of ``sockets``.

    ``name``: the host to request, if it matters.
    """
    places = [one.getsockname()[:2] for one in sockets if one.family != socket.AF_UNIX]
    if not places:
        return None
    host, port = next((one for one in places if one[0] in LOCALHOST), places[0])
    if name is not None:
        host = name
    elif host in LOCALHOST:
        host = "localhost"
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
    """Create an entrance for each of ``sockets``; all of them serve ``application``.

    ``tls``: ``None`` for cleartext.  ``protocols``: the protocols that ``application`` may tunnel;
    a browser that is offered one and refused does not try another way.  Limits default to those of
    the protocols.
    """
    if tls is not None and sockets:
        unix = sockets[0].family == socket.AF_UNIX
        port = None if unix else sockets[0].getsockname()[1]
        application = with_alt_svc(config, application, port)
    outer = with_options(config, application)
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
