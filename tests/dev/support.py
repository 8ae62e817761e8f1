"""What tests of dev mode share: fake sites, a site in dev mode on a real folder, what is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from h2static.dev.application import DevApplication, DevOptions
from h2static.dev.broker import Broker, State
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.pages import ServedFolder
from h2static.http.exchange import Exchange, ResponseJob
from h2static.http.lifecycle import Lifecycle
from h2static.http.messages import Request, Response
from h2static.site import Site, SiteConfig
from h2static.site.hints.rules import parse_push_option
from h2static.site.rules import parse_cache_rule
from tests.support.exchange import ask

PAGE = b"<!doctype html><html><head><title>x</title></head><body>y</body></html>"
ELEMENT = b'<script src="/.h2static/client.js" defer="defer"></script>'
NAVIGATION = ((b"sec-fetch-dest", b"document"), (b"accept", b"text/html"))


def request(
    path: bytes = b"/",
    *fields: tuple[bytes, bytes],
    method: bytes = b"GET",
    authority: bytes = b"localhost:8443",
    repeats: bool = False,
) -> Request:
    return Request(
        method=method,
        scheme=b"https",
        authority=authority,
        path=path,
        fields=fields,
        repeats=repeats,
    )


def text_response(
    status: int = 200, text: bytes = b"x", *fields: tuple[bytes, bytes], prepared: bool = False
) -> Response:
    """A response with ``text`` as its content."""
    own = ((b"content-length", b"%d" % len(text)), (b"content-type", b"text/plain"))
    return Response(status=status, fields=(*own, *fields), body=text, prepared=prepared)


def html_response(
    text: bytes = PAGE, *fields: tuple[bytes, bytes], prepared: bool = False
) -> Response:
    """A document."""
    own = ((b"content-length", b"%d" % len(text)), (b"content-type", b"text/html"))
    return Response(status=200, fields=(*own, *fields), body=text, prepared=prepared)


def state(version: str, moment: int = 1) -> State:
    return State(version=version, server=7, moment=moment)


def bytes_of(response: Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


def fields_of(response: Response) -> dict[bytes, bytes]:
    found = dict(response.fields)
    assert len(found) == len(response.fields)
    return found


def much_later() -> float:
    """A time at which every file has been as it is for long, so that responses are prepared."""
    return time.time() + 3600


class FakeSite(Lifecycle):
    """Responds the same to everything, and writes down what it was asked."""

    def __init__(self, response: Response, *, later: bool = False) -> None:
        """``later``: the response is a job's."""
        self.response = response
        self.later = later
        self.handled: list[Request] = []
        self.looked: list[Request] = []
        self.recalled: list[Request] = []
        self.calls: list[str] = []

    def recall(self, request: Request) -> Response | None:
        self.recalled.append(request)
        return self.response if self.response.prepared else None

    def handle(self, exchange: Exchange) -> None:
        self.handled.append(exchange.request)
        response = self.response
        if self.later:
            exchange.work(lambda: response)
        else:
            exchange.respond(response)

    def look(self, request: Request) -> Response | ResponseJob:
        self.looked.append(request)
        response = self.response
        return (lambda: response) if self.later else response

    def refuse(self, status: int, request: Request | None) -> Response:
        return text_response(status, b"refused")

    def start(self) -> None:
        self.calls.append("start")

    def new_batch(self) -> None:
        self.calls.append("new_batch")

    def release(self) -> None:
        self.calls.append("release")

    def forget(self) -> None:
        self.calls.append("forget")

    def drain(self) -> None:
        self.calls.append("drain")

    def stop(self) -> None:
        self.calls.append("stop")


def dev_around(
    site: FakeSite | Site,
    *,
    root: str = "/nowhere",
    friendly: bool = True,
    clock: Callable[[], float] = time.time,
    limits: DevLimits = DEFAULT_LIMITS,
) -> DevApplication:
    """Dev mode around ``site``."""
    options = DevOptions(
        folders=(ServedFolder(root=root),), allowed_hosts=("dev.test",), friendly=friendly
    )
    return DevApplication(site, Broker(now=0.0), options, clock=clock, limits=limits)


class Dev:
    """A site in dev mode on a real folder, and what is asked of it."""

    def __init__(
        self,
        root: Path,
        *,
        friendly: bool = True,
        push: tuple[str, ...] = (),
        languages: tuple[str, ...] = (),
        clock: Callable[[], float] = time.time,
        dev_clock: Callable[[], float] = time.time,
        limits: DevLimits = DEFAULT_LIMITS,
    ) -> None:
        config = SiteConfig(
            root=str(root),
            listing=True,
            cache=(parse_cache_rule("*.js=max-age=31536000"),),
            push=tuple(map(parse_push_option, push)),
            languages=languages,
        )
        self.broker = Broker(now=0.0)
        self.site = Site(config, clock=clock)
        options = DevOptions(
            folders=(ServedFolder(root=str(root)),),
            allowed_hosts=("dev.test",),
            friendly=friendly,
        )
        self.problems: tuple[str, ...] = ()
        self.application = DevApplication(
            self.site,
            self.broker,
            options,
            clock=dev_clock,
            problems=lambda: self.problems,
            limits=limits,
        )

    def ask(
        self,
        path: bytes,
        *fields: tuple[bytes, bytes],
        method: bytes = b"GET",
        authority: bytes = b"localhost:8443",
    ) -> Response:
        self.application.new_batch()
        return ask(self.application, request(path, *fields, method=method, authority=authority))

    def visit(self, path: bytes, *fields: tuple[bytes, bytes], method: bytes = b"GET") -> Response:
        return self.ask(path, *NAVIGATION, *fields, method=method)
