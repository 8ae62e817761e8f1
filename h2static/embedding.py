"""Run a server inside another program.

Contract: :func:`serve` serves for the duration of its block, in the caller's event loop and
process; it starts no process, handles no signal and changes no global state.  When the block exits,
for whatever reason, accepted requests have :attr:`Config.grace` seconds to finish, and every socket
is closed.
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
    #: URLs under which clients on this machine reach the server, in the order of the addresses.
    urls: tuple[str, ...]

    @property
    def port(self) -> int:
        """The TCP port, which is the same for all addresses; 0 if there is none."""
        return next((port for _, port in self.addresses if port is not None), 0)


def _warnings_of_key(config: Config) -> list[str]:
    from h2static.server import key_files

    return [text for pair in key_pairs(config) for text in key_files.warnings(pair.of(config))]


@asynccontextmanager
async def serve(
    what: Config | AsgiCallable, apps: AsgiCallable | Mapping[str, AsgiCallable] | None = None
) -> AsyncIterator[Serving]:
    """Serve a configuration or an application for the duration of an ``async with`` block.

    ``what`` is a configuration, or an ASGI application, which is then served without TLS on a free
    port of the loopback addresses.
    ``apps`` is an application for requests that no file in the folder answers, or a mapping from
    path prefixes (``""`` for the root) to applications.  Applications require asyncio.

    The sockets accept connections when the block is entered.  Logs go where the configuration
    says; no banner is printed.

    Raises :class:`~h2static.errors.StartError` if a socket, a file or the folder cannot be used,
    and ``ValueError`` for settings that require a process of their own (several workers, a daemon,
    a PID file, a ready descriptor) and for TLS without a key and a certificate.  If an application
    refuses to start, it raises :class:`~h2static.errors.ApplicationFailed`.
    """
    config, objects = _configured(what, apps)
    if config.workers != 1 or config.daemon or config.pid_file or config.ready_fd is not None:
        raise ValueError(
            "workers, daemon, pid_file and ready_fd work with the command only, not with serve"
        )
    if config.key_file is None and needs_common_pair(config):
        raise ValueError("TLS requires key_file and cert_file; without them, set no_tls=True")
    listeners = open_listeners(config, 1)
    try:
        placed = sockets_of(listeners, config)
        sockets, places = [one for one, _ in placed], [place for _, place in placed]
        # Spinning in the poller would take time from the program's other tasks.
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
            # An exception from the block is the caller's own: let it through unchanged.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
    finally:
        for listener in listeners:
            listener.close()


def _configured(
    what: Config | AsgiCallable, apps: AsgiCallable | Mapping[str, AsgiCallable] | None
) -> tuple[Config, dict[str, object]]:
    """The configuration, and the given application objects by prefix."""
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
        raise ValueError("nothing to serve: neither a folder nor an application was given")
    return config, objects


def _prefixes(config: Config) -> set[str]:
    return {one.prefix for one in config.apps}


def _brought(objects: Mapping[str, object]) -> tuple[AppConfig, ...]:
    return tuple(AppConfig(prefix=prefix) for prefix in objects)
