"""A server inside another program.

Contract: :func:`serve` serves while its block runs, in the caller's event loop and process; it
starts no process, handles no signal and changes no global state.  When the block ends, however it
ends, accepted requests are finished within :attr:`Config.grace` seconds and every socket is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from h2static.asgi.config import AppConfig
from h2static.asgi.types import AsgiCallable
from h2static.assembly import assemble
from h2static.config import LOOPBACK, Config
from h2static.router import parse_prefix
from h2static.server.key_pairs import key_pairs, needs_common_pair
from h2static.server.listeners import open_listeners, sockets_of


@dataclass(slots=True, kw_only=True, frozen=True)
class Serving:
    """Where a server listens."""

    #: ``(host, port)`` for each TCP address, ``(path, None)`` for a Unix domain socket.
    addresses: tuple[tuple[str, int | None], ...]
    #: The URLs by which a client on this machine reaches it, in the order of the addresses.
    urls: tuple[str, ...]

    @property
    def port(self) -> int:
        """The TCP port, the same for all addresses; 0 when there is none."""
        return next((port for _, port in self.addresses if port is not None), 0)


def _warnings_of_key(config: Config) -> list[str]:
    from h2static.server import key_files

    return [text for pair in key_pairs(config) for text in key_files.warnings(pair.of(config))]


@asynccontextmanager
async def serve(
    what: Config | AsgiCallable, apps: AsgiCallable | Mapping[str, AsgiCallable] | None = None
) -> AsyncIterator[Serving]:
    """Serve what ``what`` says for the time of an ``async with`` block.

    ``what`` is a configuration, or an ASGI application, which is served on a free port of this
    machine's loopback addresses without TLS.
    ``apps``: an application for what the folder has not, or several by the prefix that each is
    served below (``""`` for none); they need asyncio.

    The sockets accept when the block begins.  Logs go where ``config`` says; there is no banner.

    Raises :class:`~h2static.errors.StartError` when a socket, a file or the folder cannot be used,
    and ``ValueError`` for what only a process of its own can have: several workers, a daemon, a
    process id file, a ready descriptor; also for TLS without a key and a certificate.  An
    application that refuses to start raises :class:`~h2static.errors.ApplicationFailed`.
    """
    config, objects = _configured(what, apps)
    if config.workers != 1 or config.daemon or config.pid_file or config.ready_fd is not None:
        raise ValueError(
            "workers, daemon, pid_file and ready_fd are for the command, not for serve"
        )
    if config.key_file is None and needs_common_pair(config):
        raise ValueError("TLS needs key_file and cert_file; without them say no_tls")
    listeners = open_listeners(config, 1)
    try:
        placed = sockets_of(listeners, config)
        sockets, places = [one for one, _ in placed], [place for _, place in placed]
        # Spinning in the poller would take its moments from the other tasks of the program.
        server = assemble(config, sockets, several=False, spin=0.0, objects=objects, places=places)
        for warning in (*server.warnings, *_warnings_of_key(config)):
            server.error_log.report("site", "", warning)
        try:
            async with anyio.create_task_group() as tasks:
                await server.start_up()
                await tasks.start(server.run)
                try:
                    yield Serving(
                        addresses=tuple((one.host, one.port) for one in listeners),
                        urls=tuple(
                            one.url(config.listening[one.place].scheme) for one in listeners
                        ),
                    )
                finally:
                    with anyio.CancelScope(shield=True):
                        await server.stop(delay=config.drain_delay, grace=config.grace)
        except BaseExceptionGroup as group:
            # What the block raised is the caller's own: it comes out as it went in.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
    finally:
        for listener in listeners:
            listener.close()


def _configured(
    what: Config | AsgiCallable, apps: AsgiCallable | Mapping[str, AsgiCallable] | None
) -> tuple[Config, dict[str, object]]:
    """The configuration, and the applications that are there already, by prefix."""
    objects: dict[str, object] = {}
    if isinstance(apps, Mapping):
        objects.update((parse_prefix(prefix or "/"), one) for prefix, one in apps.items())
    elif apps is not None:
        objects[""] = apps
    if isinstance(what, Config):
        config = what
    else:
        objects[""] = what
        config = Config(port=0, no_tls=True, addresses=LOOPBACK, apps=_brought(objects))
        return config, objects
    brought = tuple(one for one in _brought(objects) if one.prefix not in _prefixes(config))
    config = replace(config, apps=config.apps + brought)
    if not config.folder and not config.apps and not config.proxies:
        raise ValueError("there is nothing to serve: neither a folder nor an application")
    return config, objects


def _prefixes(config: Config) -> set[str]:
    return {one.prefix for one in config.apps}


def _brought(objects: Mapping[str, object]) -> tuple[AppConfig, ...]:
    return tuple(AppConfig(prefix=prefix) for prefix in objects)
