"""Loads the applications of a configuration.

Contract: :func:`host_applications` loads every application, each once.  Part of the assembly: it
knows what applications there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from h2static.asgi.application import AsgiApplication, Speak
from h2static.asgi.config import AppConfig
from h2static.asgi.files import Files
from h2static.asgi.lifespan import Lifespan
from h2static.asgi.loading import checked, load
from h2static.asgi.types import AsgiCallable
from h2static.http.exchange import Application
from h2static.http.messages import Client
from h2static.logs.errors import ErrorLog
from h2static.site import Site
from h2static.site.bodies import FileAccess, Submit
from h2static.site.refusals import Refusals


@dataclass(slots=True, kw_only=True)
class HostedApplications:
    """Loaded applications."""

    by_prefix: Mapping[str, Application]
    #: The same, for start and end.
    hosted: tuple[AsgiApplication, ...]
    #: The protocols that they accept besides HTTP.
    protocols: frozenset[bytes]


def host_applications(
    configs: Sequence[AppConfig],
    objects: Mapping[str, object],
    site: Site | None,
    error_log: ErrorLog,
    submit: Submit,
    lifespans: dict[int, Lifespan],
    label: str = "",
) -> HostedApplications:
    """Load ``configs``.

    ``objects``: application objects by prefix, which need no import.  ``site``: the folder, if one
    is served.  ``lifespans``: lifespans of applications by identity, shared between hosts and
    extended here.  ``label``: the host's name in logs, if there are several.  Raises
    :class:`~h2static.errors.ApplicationError`.
    """
    of_host = label and f"{label}: "

    def report(client: Client | None, text: str, lines: Sequence[str]) -> None:
        error_log.report("application", _peer(client), of_host + text, lines)

    folder = Refusals() if site is None else site
    files = Files(FileAccess(submit=submit) if site is None else site.access)
    protocols = _protocols()
    loaded: dict[object, AsgiCallable] = {}
    mounted: dict[str, AsgiApplication] = {}
    for config in configs:
        # An application that is mounted twice is created and started once.
        brought = objects.get(config.prefix)
        key: object = replace(config, prefix="") if brought is None else id(brought)
        if key not in loaded:
            loaded[key] = load(config) if brought is None else checked(brought, config)
        application = loaded[key]
        if id(application) not in lifespans:
            lifespans[id(application)] = Lifespan(
                application,
                of_host + config.name,
                lambda text, lines: error_log.report("application", "", text, lines),
                mode=config.lifespan,
            )
        mounted[config.prefix] = AsgiApplication(
            application,
            lifespans[id(application)],
            root_path=config.prefix,
            refuse=folder.refuse,
            report=report,
            files=files,
            protocols=protocols,
        )
    return HostedApplications(
        by_prefix=mounted,
        hosted=tuple(mounted.values()),
        protocols=frozenset(protocols),
    )


def _protocols() -> dict[bytes, Speak]:
    """The protocols besides HTTP: WebSockets, if their library is installed."""
    try:
        from h2static.asgi.websocket import serve_websocket
        from h2static.websocket.handshake import PROTOCOL
    except ImportError:
        return {}
    return {PROTOCOL: serve_websocket}


def _peer(client: Client | None) -> str:
    """A client as the error log writes it."""
    if client is None or not client.host:
        return ""
    host = f"[{client.host}]" if ":" in client.host else client.host
    return f"{host}:{client.port}"
