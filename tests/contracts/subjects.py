"""Every application that there is, made for the tests that hold for all of them.

Promise: a :class:`Subject` has an application around a folder of its own (or a fake), a clock that
the test moves, and the paths that it answers in different ways.  A further application is one more
function here, and its name in :data:`SUBJECTS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from h2static.dev.application import DevApplication, DevOptions
from h2static.dev.broker import Broker
from h2static.dev.cors import CorsApplication
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.pages import ServedFolder
from h2static.http.exchange import Application, Exchange
from h2static.http.messages import Request, Response
from h2static.http.wrapper import Wrapper
from h2static.router import Router
from h2static.server.health import HealthApplication
from h2static.site import Site, SiteConfig
from h2static.site.folder_first import FolderFirst
from h2static.site.hints.rules import parse_push_option
from h2static.site.limits import SiteLimits
from h2static.site.refusals import Refusals
from h2static.site.rules import ErrorPage, parse_cache_rule
from tests.contracts.applications import Scripted, text

AUTHORITY: Final = b"localhost:8443"
PAGE: Final = (
    b"<!doctype html><html><head><link rel=stylesheet href=/a.css><title>t</title></head>"
    b"<body>a page</body></html>"
)

#: Paths of :func:`make_tree`, and some that it has not.
TREE_PATHS: Final = (
    b"/",
    b"/index.html",
    b"/a.css",
    b"/a.css?query=1",
    b"/large.bin",
    b"/empty.txt",
    b"/sub",
    b"/sub/",
    b"/sub/x.txt",
    b"/%C3%BC.txt",
    b"/missing",
    b"/./sub/../a.css",
    b"/../escape",
    b"/a%00b",
    b"*",
)


def make_tree(root: Path) -> None:
    """Files of every kind that matters; they have been as they are for long."""
    (root / "sub").mkdir()
    (root / "index.html").write_bytes(PAGE)
    (root / "a.css").write_bytes(b"body { color: black }\n" * 100)
    (root / "a.css.gz").write_bytes(b"\x1f\x8b pretends to be compressed")
    (root / "large.bin").write_bytes(bytes(range(256)) * 4_097)
    (root / "empty.txt").touch()
    (root / "sub" / "x.txt").write_bytes(b"x\n")
    (root / "ü.txt").write_bytes(b"u\n")
    (root / "404.html").write_bytes(b"<!doctype html><title>nothing here</title>")


class Clock:
    """Seconds since 1970; late enough that files of now have been as they are for long."""

    def __init__(self) -> None:
        self.ahead = 3_600.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass(slots=True, kw_only=True)
class Subject:
    """An application and what tests need to know of it."""

    application: Application
    clock: Clock
    paths: tuple[bytes, ...]
    #: Whether content of POST requests comes back.
    echoes: bool = False


#: So little of everything that each request drops what others have left.
_LITTLE: Final = SiteLimits(
    responses=3,
    requests=3,
    open_files=2,
    held_files=2,
    own_octets=1_000,
    small_file=1_000,
    passing_octets=1_000,
    digests=3,
    kept_lists=1_000,
    watches=1,
    looks=2,
)
_LITTLE_DEV: Final = DevLimits(
    remembered=2, remembered_octets=1_000, rewritten=2, rewritten_octets=1_000
)
#: What uploads of a site with everything may take.
UPLOADS: Final = SiteLimits(upload=200_000, uploads=1_000_000, upload_files=10)


def _site(
    root: Path, clock: Clock, *, full: bool = False, limits: SiteLimits | None = None
) -> Site:
    config = SiteConfig(root=str(root), listing=True)
    if full:
        config = SiteConfig(
            root=str(root),
            error_page=(ErrorPage(status=404, file="404.html"),),
            error_gzip=True,
            echo_upload=True,
            cache=(parse_cache_rule("*.css=max-age=31536000"),),
            push=tuple(map(parse_push_option, ("/=/a.css",))),
            push_cookie=True,
        )
        limits = UPLOADS
    return Site(config, clock=clock, limits=limits)


def _dev(
    root: Path, clock: Clock, *, friendly: bool = True, little: bool = False
) -> DevApplication:
    options = DevOptions(
        folders=(ServedFolder(root=str(root)),), allowed_hosts=("dev.test",), friendly=friendly
    )
    site = _site(root, clock, limits=_LITTLE if little else None)
    limits = _LITTLE_DEV if little else DEFAULT_LIMITS
    return DevApplication(site, Broker(now=0.0), options, clock=clock, limits=limits)


def _fake() -> Scripted:
    prepared = {b"/prepared": text(200, b"prepared", prepared=True)}
    return Scripted(
        {
            b"/job": lambda exchange: exchange.work(lambda: text(200, b"worked out")),
            b"/early": lambda exchange: exchange.respond(text(403, b"no", early=True)),
            b"/prepared": lambda exchange: exchange.respond(prepared[b"/prepared"]),
        },
        prepared=prepared,
    )


class _HeadAware(Wrapper):
    """What :class:`Scripted` says to HEAD, without content."""

    __slots__ = ()

    def recall(self, request: Request) -> Response | None:
        return None if request.method == b"HEAD" else self._inner.recall(request)

    def handle(self, exchange: Exchange) -> None:
        if exchange.request.method == b"HEAD":
            exchange.respond(Response(status=200, fields=()))
        else:
            self._inner.handle(exchange)


_DEV_PATHS: Final = (
    *TREE_PATHS,
    b"/.h2static/client.js",
    b"/.h2static/events",
    b"/.h2static/other",
)
_FAKE_PATHS: Final = (b"/", b"/job", b"/early", b"/prepared")


def _site_alone(root: Path) -> Subject:
    clock = Clock()
    return Subject(application=_site(root, clock), clock=clock, paths=TREE_PATHS)


def _site_with_everything(root: Path) -> Subject:
    clock = Clock()
    site = _site(root, clock, full=True)
    return Subject(application=site, clock=clock, paths=TREE_PATHS, echoes=True)


def _little_site(root: Path) -> Subject:
    clock = Clock()
    application = _site(root, clock, limits=_LITTLE)
    return Subject(application=application, clock=clock, paths=TREE_PATHS)


def _little_dev(root: Path) -> Subject:
    clock = Clock()
    application = CorsApplication(_dev(root, clock, little=True), _LITTLE_DEV)
    return Subject(application=application, clock=clock, paths=_DEV_PATHS)


def _dev_mode(root: Path) -> Subject:
    clock = Clock()
    return Subject(application=_dev(root, clock), clock=clock, paths=_DEV_PATHS)


def _live_reload_alone(root: Path) -> Subject:
    clock = Clock()
    return Subject(application=_dev(root, clock, friendly=False), clock=clock, paths=_DEV_PATHS)


def _health(root: Path) -> Subject:
    clock = Clock()
    application = HealthApplication(_site(root, clock), "/up")
    return Subject(application=application, clock=clock, paths=(*TREE_PATHS, b"/up", b"/up?x"))


def _cors(root: Path) -> Subject:
    clock = Clock()
    application = CorsApplication(_site(root, clock, full=True))
    return Subject(application=application, clock=clock, paths=TREE_PATHS, echoes=True)


def _chain(root: Path) -> Subject:
    clock = Clock()
    application = HealthApplication(CorsApplication(Wrapper(_dev(root, clock))), "/up")
    return Subject(application=application, clock=clock, paths=(*_DEV_PATHS, b"/up"))


def _fake_alone(root: Path) -> Subject:
    return Subject(application=_HeadAware(_fake()), clock=Clock(), paths=_FAKE_PATHS)


def _wrapped_fake(root: Path) -> Subject:
    application = Wrapper(CorsApplication(Wrapper(_HeadAware(_fake()))))
    return Subject(application=application, clock=Clock(), paths=_FAKE_PATHS)


def _folder_first(root: Path) -> Subject:
    """A folder in front of an application, beside another one."""
    clock = Clock()
    site = Site(SiteConfig(root=str(root)), clock=clock, falls_through=True)
    application = Router({"/api": Refusals()}, FolderFirst(site, Refusals()))
    return Subject(application=application, clock=clock, paths=(*TREE_PATHS, b"/api/x"))


SUBJECTS: Final[dict[str, Callable[[Path], Subject]]] = {
    "site": _site_alone,
    "site with everything": _site_with_everything,
    "little site": _little_site,
    "dev": _dev_mode,
    "little dev": _little_dev,
    "live reload": _live_reload_alone,
    "health": _health,
    "cors": _cors,
    "chain": _chain,
    "folder first": _folder_first,
    "fake": _fake_alone,
    "wrapped fake": _wrapped_fake,
}
