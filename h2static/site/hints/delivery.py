"""Choosing which of a response's targets to deliver, and how: PUSH_PROMISE, 103 Early Hints or
Link.

Contract: :meth:`PushHints.deliver` decides from the rules, the request, the status, the client and
what its connection has seen.  A target is delivered in at most one way, and not at all if that is
useless: the file is gone, or the client has its version according to the cookie
(:mod:`h2static.site.hints.cookie`).  A hint in an informational response is repeated in the final
response, which it announces according to RFC 8297 section 2.

Assumes that pushed requests have no hints of their own: pushes do not cascade.

Strategy: everything known before a request (link-values, the targets of a path) is prepared in
:class:`PushHints`, which the site attaches to a response.  The rest is a few comparisons, and one
lookup of the response for each promise.  Equal promises are one :class:`Request` object, so that
caches find what belongs to it by one lookup (:class:`PromisedRequests`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final, TypeAlias

from h2static.http.exchange import ResponseJob
from h2static.http.fields import Field, Fields
from h2static.http.hints import Delivery, Promise, PushClient
from h2static.http.messages import Request, Response
from h2static.site.hints.cookie import CookieDigest, read_digest
from h2static.site.hints.rules import Entry
from h2static.site.hints.targets import PushTarget
from h2static.site.limits import DEFAULTS, SiteLimits

#: See :meth:`h2static.site.site.Site.look`.
Look: TypeAlias = Callable[[Request], Response | ResponseJob]

#: Fields copied from a request to its promises, because they select representations.  Cookie and
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


#: Fields of a client that has something of this site.
_OF_RETURNING = _CONDITIONAL_FIELDS | {b"cookie"}


class PushMode(StrEnum):
    """``--push-mode``: the ways that may be used; the first that the client supports is used."""

    AUTO = "auto"
    PUSH = "push"
    HINTS = "hints"
    LINK = "link"
    OFF = "off"


_MAY_PUSH = frozenset({PushMode.AUTO, PushMode.PUSH})
_MAY_HINT = frozenset({PushMode.AUTO, PushMode.HINTS})
_MAY_LINK = frozenset({PushMode.AUTO, PushMode.HINTS, PushMode.LINK})


NOTHING: Final = Delivery()


#: What promises on one request have in common: its scheme, its authority, the copied fields.
_Common: TypeAlias = tuple[bytes, bytes, Fields]


class PromisedRequests:
    """The requests of a site's promises: equal ones are the same object."""

    __slots__ = ("_count", "_known", "_limits")

    def __init__(self, limits: SiteLimits = DEFAULTS) -> None:
        self._limits = limits
        self._known: dict[_Common, dict[bytes, Request]] = {}
        self._count = 0

    def of(self, parent: Request) -> Callable[[PushTarget], Request]:
        """A function that returns the request for a promise of a target on ``parent``."""
        limits, fields = self._limits, _copied(parent)
        octets = len(parent.authority) + sum([len(name) + len(value) for name, value in fields])
        if octets > limits.key:
            return partial(promised_request, parent)
        if self._count >= limits.promised_requests:
            self._known.clear()
            self._count = 0
        known = self._known.setdefault((parent.scheme, parent.authority, fields), {})

        def find(target: PushTarget) -> Request:
            request = known.get(target.path)
            if request is None:
                self._count += 1
                request = known[target.path] = promised_request(parent, target)
            else:
                request.repeats = True
            return request

        return find


@dataclass(slots=True, kw_only=True, frozen=True)
class PushPolicy:
    """How a site delivers all of its hints."""

    mode: PushMode = PushMode.AUTO
    #: ``--push-cookie``: let clients remember what they were pushed.
    cookie: bool = False
    #: Gives the response to a promised request.
    look: Look
    limits: SiteLimits = DEFAULTS
    requests: PromisedRequests = field(default_factory=PromisedRequests)


@dataclass(slots=True, kw_only=True, eq=False)
class PushHints:
    """The targets of a response: the site's :class:`h2static.http.hints.Hints`.

    Shared by all requests with that response; the conditions cover what depends on the request.
    """

    entries: tuple[Entry, ...]
    policy: PushPolicy
    #: The targets by what conditions ask: whether it is a navigation, and a first visit.
    _chosen: dict[tuple[bool, bool], list[PushTarget]] = field(default_factory=dict, init=False)

    def deliver(self, request: Request, status: int, client: PushClient) -> Delivery:
        """Implement :meth:`h2static.http.hints.Hints.deliver`.

        Only 200 delivers anything: after a redirect, an error, a partial or a not modified response
        the targets are not needed, or the client already has them.
        """
        mode = self.policy.mode
        if status != 200 or mode is PushMode.OFF or request.method not in (b"GET", b"HEAD"):
            return NOTHING
        navigation = is_navigation(request)
        targets = self._targets(navigation=navigation, first_visit=is_first_visit(request))
        room = _room_for_promises(request, self.policy, client)
        promised, linked = _divide(targets, request.authority, room, self.policy, client)
        promises, versions = self._promises(promised, request, client)
        fields: Fields = ((b"link", b", ".join(linked)),) if linked else ()
        # RFC 8297 section 3: HTTP/1.1 clients may mistake an informational response for the final
        # one.
        is_early = mode in _MAY_HINT and client.multiplexed and navigation
        early = fields if is_early and request.method == b"GET" else ()
        if self.policy.cookie and versions:
            fields = (*fields, _digest_field(request, versions))
        if not (promises or fields):
            return NOTHING
        return Delivery(promises=promises, early=early, fields=fields)

    def _targets(self, *, navigation: bool, first_visit: bool) -> list[PushTarget]:
        """The targets whose condition holds, each URL once."""
        chosen = self._chosen.get((navigation, first_visit))
        if chosen is None:
            found: dict[str, PushTarget] = {}
            for condition, target in self.entries:
                if condition.holds(navigation=navigation, first_visit=first_visit):
                    found.setdefault(target.url, target)
            chosen = self._chosen[navigation, first_visit] = list(found.values())
        return chosen

    def _promises(
        self, targets: Sequence[PushTarget], parent: Request, client: PushClient
    ) -> tuple[tuple[Promise, ...], list[tuple[bytes, bytes]]]:
        """Promises of ``targets``, without those that turn out to be useless.

        Also returns, for the cookie, the paths and entity tags of those with a known version.  A
        response that must wait for a medium has no known version yet.
        """
        if not targets:
            return (), []
        policy = self.policy
        cookie, look, request_of = policy.cookie, policy.look, policy.requests.of(parent)
        digest = read_digest(parent.field(b"cookie")) if cookie else None
        promises: list[Promise] = []
        versions: list[tuple[bytes, bytes]] = []
        for target in targets:
            client.seen.add(parent.authority, target.path)
            request = request_of(target)
            found = look(request)
            if isinstance(found, Response):
                if found.status != 200:
                    continue
                if cookie:
                    etag = _etag_of(found)
                    if digest is not None and digest.has(target.path, etag):
                        continue
                    versions.append((target.path, etag))
            promises.append(Promise(request, target.urgency(client.urgency)))
        return tuple(promises), versions


def is_navigation(request: Request) -> bool:
    """Whether a browser requests a tab's page, or the client does not say what it requests.

    Hints for frames, prefetches of scripts and the like are ignored by browsers (Fetch Metadata:
    ``sec-fetch-mode: navigate`` is sent for frames too, with another ``sec-fetch-dest``).
    """
    mode, destination = request.field(b"sec-fetch-mode"), request.field(b"sec-fetch-dest")
    if mode is None:
        return destination is None
    return mode == b"navigate" and destination in (None, b"document")


def is_first_visit(request: Request) -> bool:
    """Whether the client seems to have nothing of this site: no cookie and nothing to validate."""
    return _OF_RETURNING.isdisjoint([name for name, _ in request.fields])


def promised_request(parent: Request, target: PushTarget) -> Request:
    """The request for a promise of ``target``.

    RFC 9113 section 8.4: "Promised requests MUST be safe (see Section 9.2.1 of [HTTP]) and
    cacheable (see Section 9.2.3 of [HTTP])."
    """
    return Request(
        method=b"GET",
        scheme=parent.scheme,
        authority=parent.authority,
        path=target.path,
        fields=_copied(parent),
    )


def _copied(parent: Request) -> Fields:
    return tuple([line for line in parent.fields if line[0] in COPIED_FIELDS])


def _room_for_promises(request: Request, policy: PushPolicy, client: PushClient) -> int | None:
    """How many promises may be made; ``None`` if pushes are not possible at all."""
    if (
        policy.mode in _MAY_PUSH
        and client.multiplexed
        and client.push_enabled
        # RFC 9113 section 8.4: "Pushed responses are always associated with an explicit request";
        # one that is not a plain GET, or is conditional, needs no pushes.
        and request.method == b"GET"
        and _CONDITIONAL_FIELDS.isdisjoint([name for name, _ in request.fields])
        and not client.seen.full
    ):
        return min(client.free_streams, policy.limits.promises)
    return None


def _divide(
    targets: Sequence[PushTarget],
    authority: bytes,
    room: int | None,
    policy: PushPolicy,
    client: PushClient,
) -> tuple[list[PushTarget], list[bytes]]:
    """The ``targets`` to promise, and the link-values of the others."""
    may_link, most = policy.mode in _MAY_LINK, policy.limits.link
    promised: list[PushTarget] = []
    linked: list[bytes] = []
    octets = 0
    for target in targets:
        if room is not None and target.pushable:
            if client.seen.has(authority, target.path):
                continue
            if len(promised) < room:
                promised.append(target)
                continue
        if may_link and target.link and octets + len(target.link) + 2 <= most:
            linked.append(target.link)
            octets += len(target.link) + 2
    return promised, linked


def _etag_of(response: Response) -> bytes:
    """The entity tag of ``response``; empty if it has none."""
    return next((value for name, value in response.fields if name == b"etag"), b"")


def _digest_field(request: Request, versions: Sequence[tuple[bytes, bytes]]) -> Field:
    """The Set-Cookie field after ``versions`` (path, entity tag) were promised."""
    before = read_digest(request.field(b"cookie")) or CookieDigest()
    secure = request.scheme == b"https"
    return b"set-cookie", before.with_versions(versions).set_cookie(secure=secure)
