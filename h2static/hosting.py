"""How the applications of a configuration are put together with the folder.

Contract: :func:`host_applications` loads every application and gives one that serves them all: a
request below a prefix is its application's; of the rest the folder has what it has, and the
application without a prefix everything else.  Part of the assembly: it knows what applications
there are.
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
from h2static.documents import Documents, put_together
from h2static.http.exchange import Application
from h2static.http.messages import Client
from h2static.logs.errors import ErrorLog
from h2static.site import Site
from h2static.site.bodies import FileAccess, Submit
from h2static.site.refusals import Refusals


@dataclass(slots=True, kw_only=True)
class HostedApplications:
    """Applications that are served."""

    #: They, for start and end.
    hosted: tuple[AsgiApplication, ...]
    #: What they take beside requests.
    protocols: frozenset[bytes]
    #: Serves all of them, and can be asked for the folder's documents.
    documents: Documents


def host_applications(
    configs: Sequence[AppConfig],
    objects: Mapping[str, object],
    site: Site | None,
    error_log: ErrorLog,
    submit: Submit,
    mounts: Mapping[str, Application] | None = None,
) -> HostedApplications:
    """Load ``configs`` and put them together.

    ``objects``: applications by prefix that need no import.  ``site``: the folder, if
    one is served.  ``mounts``: what else is served below prefixes.  Raises
    :class:`~h2static.errors.ApplicationError`.
    """

    def report(client: Client | None, text: str, lines: Sequence[str]) -> None:
        error_log.report("application", _peer(client), text, lines)

    folder = Refusals() if site is None else site
    files = Files(FileAccess(submit=submit) if site is None else site.access)
    protocols = _protocols()
    lifespans: dict[object, tuple[AsgiCallable, Lifespan]] = {}
    mounted: dict[str, AsgiApplication] = {}
    for config in configs:
        # An application that is mounted twice starts once.
        brought = objects.get(config.prefix)
        key: object = replace(config, prefix="") if brought is None else id(brought)
        if key not in lifespans:
            found = load(config) if brought is None else checked(brought, config)
            lifespans[key] = (
                found,
                Lifespan(
                    found,
                    config.name,
                    lambda text, lines: report(None, text, lines),
                    mode=config.lifespan,
                ),
            )
        application, lifespan = lifespans[key]
        mounted[config.prefix] = AsgiApplication(
            application,
            lifespan,
            root_path=config.prefix,
            refuse=folder.refuse,
            report=report,
            files=files,
            protocols=protocols,
        )
    hosted = tuple(mounted.values())
    documents = put_together(site, folder, {**mounted, **(mounts or {})})
    return HostedApplications(hosted=hosted, protocols=frozenset(protocols), documents=documents)


def _protocols() -> dict[bytes, Speak]:
    """What applications take beside requests: WebSockets, where their library is installed."""
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
