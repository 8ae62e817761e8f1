"""Which of a response's targets are delivered, and how: PUSH_PROMISE, 103 Early Hints or Link.

Contract: :func:`decide` is a pure function of what the rules name, the request, the status, the
client and what this connection has seen.  A target is delivered in one way at most, and in none
where it would be worth nothing; a hint in an informational response is repeated in the final one,
which RFC 8297 section 2 says it announces.  :func:`promises` turns the pushes into requests and
their answers.

Assumes that pushed requests are never passed to :func:`decide`: pushes do not recur.

Strategy: what can be known before a request (link-values, which targets a path has) is prepared in
:class:`PushHints`, which the site attaches to a response; the rest is a few comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from h2static.http.messages import Answer, Application, Field, Request, Response
from h2static.site.hints.cookie import CookieDigest, read_digest
from h2static.site.hints.rules import Entry
from h2static.site.hints.targets import PushTarget

#: Promises with one response.  Each costs the client a stream and the server a response before the
#: client has asked for anything.
MAX_PROMISES = 32
#: Octets of a Link field.  Together with the other fields it has to stay far below the 8 to 16 KiB
#: that clients and proxies take.
MAX_LINK = 4096
#: Paths that are remembered for each connection; one that has seen more gets no pushes any more:
#: pushes serve the first pages.  Together they take about 16 KiB.
MAX_REMEMBERED = 256

#: Fields of a request that its promises have too: they choose between representations.  Cookie and
#: authorization are never among them: a promise must not carry what the client did not send for it.
COPIED_FIELDS = frozenset({b"accept-encoding", b"accept-language", b"user-agent"})

_CONDITIONAL_FIELDS = frozenset(
    {
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"range",
    }
)


class PushMode(StrEnum):
    """``--push-mode``: what may be used, the first that the client can take."""

    AUTO = "auto"
    PUSH = "push"
    HINTS = "hints"
    LINK = "link"
    OFF = "off"


_MAY_PUSH = frozenset({PushMode.AUTO, PushMode.PUSH})
_MAY_HINT = frozenset({PushMode.AUTO, PushMode.HINTS})
_MAY_LINK = frozenset({PushMode.AUTO, PushMode.HINTS, PushMode.LINK})


@dataclass(slots=True, kw_only=True, eq=False)
class PushHints:
    """The targets of a response: the concrete :class:`h2static.http.messages.Hints`.

    Shared by all requests that get the response; what depends on the request is in the conditions.
    """

    entries: tuple[Entry, ...]

    def targets(self, *, navigation: bool, first_visit: bool) -> list[PushTarget]:
        """The targets whose condition holds, each URL once."""
        found: dict[str, PushTarget] = {}
        for condition, target in self.entries:
            if condition.holds(navigation=navigation, first_visit=first_visit):
                found.setdefault(target.url, target)
        return list(found.values())


@dataclass(slots=True, kw_only=True, frozen=True)
class Client:
    """What the other side of a connection can take, as far as it matters here."""

    #: False on HTTP/1.1, where nothing but a Link field is sent.
    http2: bool
    #: SETTINGS_ENABLE_PUSH, which is 1 until the client says otherwise (RFC 9113 section 6.5.2),
    #: and no GOAWAY was received or sent.
    push_enabled: bool = False
    #: Streams that may still be promised: the client's SETTINGS_MAX_CONCURRENT_STREAMS less the
    #: pushed streams that are open.
    free_streams: int = 0


class PushMemory:
    """What one connection need not be sent again: promised, refused or asked for already."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        # Hashes: a collision costs one push that is not made.
        self._seen: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether nothing more can be remembered, and so nothing more be pushed."""
        return len(self._seen) >= MAX_REMEMBERED

    def add(self, authority: bytes, path: bytes) -> None:
        """Remember that ``path`` was promised, refused by RST_STREAM, or requested."""
        if not self.full:
            self._seen.add(hash((authority, path)))

    def has(self, authority: bytes, path: bytes) -> bool:
        """Whether ``path`` was remembered."""
        return hash((authority, path)) in self._seen


@dataclass(slots=True, kw_only=True, frozen=True)
class Delivery:
    """What to send besides a response."""

    #: To be promised before the response's DATA, in this order.
    promises: tuple[PushTarget, ...] = ()
    #: Value of the Link field in a 103 before the response; empty: no 103.
    early: bytes = b""
    #: Value of a Link field to add to the response; empty: none.
    link: bytes = b""


NOTHING = Delivery()


def is_navigation(request: Request) -> bool:
    """Whether a browser asks for the page of a tab, or somebody asks who says nothing about it.

    Hints for frames, prefetches of scripts and the like are ignored by browsers (Fetch Metadata:
    ``sec-fetch-mode: navigate`` is sent for frames too, with another ``sec-fetch-dest``).
    """
    mode, destination = request.field(b"sec-fetch-mode"), request.field(b"sec-fetch-dest")
    if mode is None:
        return destination is None
    return mode == b"navigate" and destination in (None, b"document")


def is_first_visit(request: Request) -> bool:
    """Whether the client seems to have nothing of this site: no cookie and nothing to validate."""
    return not any(name == b"cookie" or name in _CONDITIONAL_FIELDS for name, _ in request.fields)


def decide(
    hints: PushHints,
    *,
    request: Request,
    status: int,
    client: Client,
    memory: PushMemory,
    mode: PushMode,
) -> Delivery:
    """How the targets of a response are delivered.

    ``status`` is the response's.  Only 200 brings anything along: what redirects, is missing, in
    part or not modified shows that the targets are not wanted or are there.  ``memory`` is not
    changed; :func:`promises` does that.
    """
    if status != 200 or mode is PushMode.OFF or request.method not in (b"GET", b"HEAD"):
        return NOTHING
    navigation = is_navigation(request)
    pushes = (
        mode in _MAY_PUSH
        and client.http2
        and client.push_enabled
        # RFC 9113 section 8.4: "Pushed responses are always associated with an explicit request";
        # one without content of its own, or for a part of it, needs no others.
        and request.method == b"GET"
        and not any(name in _CONDITIONAL_FIELDS for name, _ in request.fields)
        and not memory.full
    )
    free = min(client.free_streams, MAX_PROMISES)
    promised: list[PushTarget] = []
    linked: list[bytes] = []
    octets = 0
    for target in hints.targets(navigation=navigation, first_visit=is_first_visit(request)):
        if pushes and target.pushable:
            if memory.has(request.authority, target.path):
                continue
            if len(promised) < free:
                promised.append(target)
                continue
        if target.link and mode in _MAY_LINK and octets + len(target.link) + 2 <= MAX_LINK:
            linked.append(target.link)
            octets += len(target.link) + 2
    link = b", ".join(linked)
    # RFC 8297 section 3: clients of HTTP/1.1 may take an informational response for the final one.
    early = mode in _MAY_HINT and client.http2 and navigation and request.method == b"GET" and link
    return Delivery(promises=tuple(promised), early=early or b"", link=link)


@dataclass(slots=True, kw_only=True, frozen=True)
class Promise:
    """A request that the server makes on the client's behalf, and its answer."""

    request: Request
    answer: Answer
    #: RFC 9218 urgency of the pushed stream.
    urgency: int
    target: PushTarget


def promised_request(parent: Request, target: PushTarget) -> Request:
    """The request that promising ``target`` stands for.

    RFC 9113 section 8.4: "Promised requests MUST be safe (see Section 9.2.1 of [HTTP]) and
    cacheable (see Section 9.2.3 of [HTTP])."
    """
    copied: tuple[Field, ...] = tuple(line for line in parent.fields if line[0] in COPIED_FIELDS)
    return Request(
        method=b"GET",
        scheme=parent.scheme,
        authority=parent.authority,
        path=target.path,
        fields=copied,
    )


def promises(
    targets: Iterable[PushTarget],
    *,
    parent: Request,
    parent_urgency: int,
    application: Application,
    memory: PushMemory,
    digest: CookieDigest | None = None,
) -> Iterator[Promise]:
    """Answer what is to be promised; leave out what turns out to be worth nothing.

    That is a target that is no file any more, or whose version the client has by its ``digest``.
    Each target that is looked at goes into ``memory``.  An answer that needs a medium that would
    block (:class:`h2static.http.messages.Deferred`) is passed on: the file was there at start.
    """
    for target in targets:
        memory.add(parent.authority, target.path)
        request = promised_request(parent, target)
        answer = application.answer(request)
        if isinstance(answer, Response):
            if answer.status != 200:
                continue
            if digest is not None and digest.has(target.path, etag_of(answer)):
                continue
        yield Promise(
            request=request, answer=answer, urgency=target.urgency(parent_urgency), target=target
        )


def etag_of(response: Response) -> bytes:
    """The entity tag of ``response``; empty without one."""
    return next((value for name, value in response.fields if name == b"etag"), b"")


def digest_field(request: Request, sent: Iterable[Promise], *, secure: bool) -> Field | None:
    """The Set-Cookie field for the response of ``request`` after ``sent`` was promised.

    ``None`` when nothing was promised whose version is known: the cookie stays as it is.
    """
    versions = [
        (promise.target.path, etag_of(promise.answer))
        for promise in sent
        if isinstance(promise.answer, Response)
    ]
    if not versions:
        return None
    before = read_digest(request.field(b"cookie")) or CookieDigest()
    return b"set-cookie", before.with_versions(versions).set_cookie(secure=secure)
