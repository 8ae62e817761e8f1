"""What goes along with a response: promises, informational responses, additional fields."""

from __future__ import annotations

from dataclasses import replace

from h2static.http import hints
from h2static.http.exchange import Exchange
from h2static.http.hints import Delivery, PushClient
from h2static.http.messages import Request, Response
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.frames import Data, GoAway, Headers, PriorityUpdate, RstStream, Settings
from h2static.http2.limits import Limits
from h2static.http2.registry import PREFACE, ErrorCode
from h2static.http2.service import make_service
from h2static.http2.settings import LocalSettings
from tests.support.peer import Peer
from tests.support.replies import Promise, Section
from tests.support.small_site import pattern, response
from tests.support.transports import START, Feed, Mirror

#: GET / in a single frame.
WHOLE_REQUEST = (
    Headers(
        stream_id=1,
        flags=r.END_STREAM | r.END_HEADERS,
        fragment=b"\x82\x84\x86\x41\x0ctest.example",
    )
).serialize()
STYLE = response(200, pattern(300))
LARGE = response(200, pattern(40_000))
#: A response to the rest of the paths, by path.
FILES = {b"/large": LARGE}


def get(path: bytes) -> Request:
    """What is promised."""
    fields = ((b"accept-encoding", b"br"),)
    return Request(
        method=b"GET", scheme=b"http", authority=b"test.example", path=path, fields=fields
    )


class FixedHints:
    """Promises ``paths`` as far as the client lets it, hints at them otherwise."""

    def __init__(self, *paths: bytes) -> None:
        self.paths = paths

    def deliver(self, request: Request, status: int, client: PushClient) -> Delivery:
        assert request.path == b"/"
        assert status == 200
        assert client.multiplexed
        if not client.push_enabled:
            link = ((b"link", b"; ".join(self.paths)),)
            return Delivery(early=link, fields=link)
        return Delivery(
            promises=tuple(
                hints.Promise(get(path), client.urgency + 1)
                for path in self.paths[: max(0, client.free_streams)]
            )
        )


class PageSite:
    """``/`` has hints, everything else has not."""

    def __init__(self, *paths: bytes, in_thread: bool = False) -> None:
        """``in_thread``: what is promised is worked out in a thread."""
        page = response(200, b"page")
        self.page = replace(page, hints=FixedHints(*paths))
        self.in_thread = in_thread

    def recall(self, request: Request) -> Response | None:
        # Applications know what nobody asked for: it is as allowed as what it comes with.
        assert request.promised == (request.field(b"accept-encoding") == b"br")
        if request.path == b"/":
            return self.page
        return None if self.in_thread else FILES.get(request.path, STYLE)

    def handle(self, exchange: Exchange) -> None:
        assert self.in_thread
        exchange.work(lambda: STYLE)

    def refuse(self, status: int, request: Request | None) -> Response:
        return response(status, b"refused")


def pushing(
    *paths: bytes,
    settings: tuple[tuple[int, int], ...] = (),
    padding: int = 0,
    in_thread: bool = False,
) -> Peer:
    """A client of a server that promises ``paths`` with ``/``."""
    mirror = Mirror(
        application=lambda: PageSite(*paths, in_thread=in_thread),
        settings=LocalSettings(padding=padding),
        hints=True,
    )
    return Peer(mirror, settings=settings)


def test_promises_come_before_the_response_and_content_by_priority() -> None:
    peer = pushing(b"/a.css", b"/b.css")
    peer.request(1)
    first = peer.expect(Promise)
    assert (first.stream_id, first.promised_stream_id) == (1, 2)
    assert first.fields == (
        (b":method", b"GET"),
        (b":path", b"/a.css"),
        (b":scheme", b"http"),
        (b":authority", b"test.example"),
        (b"accept-encoding", b"br"),
    )
    assert peer.expect(Promise).promised_stream_id == 4
    assert [peer.expect(Section).stream_id for _ in range(3)] == [1, 2, 4]
    assert [peer.expect(Data).stream_id for _ in range(3)] == [1, 2, 4]
    assert peer.streams[2].reply.body == pattern(300)
    peer.request(3, b"/a.css")
    assert peer.expect(Section).status == 200


def test_no_promise_when_push_is_disabled_but_103_and_fields() -> None:
    peer = pushing(b"/a.css", settings=((r.SETTINGS_ENABLE_PUSH, 0),))
    peer.request(1)
    early = peer.expect(Section)
    assert (early.status, early.get(b"link"), early.end_stream) == (103, b"/a.css", False)
    final = peer.expect(Section)
    assert (final.status, final.get(b"link")) == (200, b"/a.css")
    assert peer.expect(Data).data == b"page"


def test_no_promise_after_goaway() -> None:
    peer = pushing(b"/a.css")
    peer.send(
        GoAway(last_stream_id=0, code=ErrorCode.NO_ERROR).serialize() + peer.headers(1).serialize()
    )
    assert peer.expect(Section).status == 103


def test_the_client_limits_promised_streams() -> None:
    peer = pushing(b"/large", b"/a.css", settings=((r.SETTINGS_MAX_CONCURRENT_STREAMS, 1),))
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 10),)))
    peer.replenish = False
    peer.request(1)
    _all(peer)
    peer.request(3)
    promises = [one for one in _all(peer) if isinstance(one, Promise)]
    # The first page's "/large" waits for a window: nothing more may be promised.
    assert promises == []


def test_promised_streams_are_bounded_whatever_the_client_allows() -> None:
    """Each holds its response for a client that does not read."""
    paths = [b"/%d.css" % number for number in range(40)]
    settings = ((r.SETTINGS_MAX_CONCURRENT_STREAMS, 2**32 - 1), (r.SETTINGS_INITIAL_WINDOW_SIZE, 0))
    peer = pushing(*paths, settings=settings)
    for stream_id in range(1, 11, 2):
        peer.request(stream_id)
    assert len([one for one in _all(peer) if isinstance(one, Promise)]) == 100
    assert peer.mirror.connection.streams.own == Limits().promised_streams


def test_a_refused_promise_is_given_up_and_the_others_live_on() -> None:
    peer = pushing(b"/large", b"/a.css")
    peer.replenish = False
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 100),)))
    peer.request(1)
    peer.pull()
    peer.send(RstStream(stream_id=2, code=ErrorCode.CANCEL))
    peer.update(4, 1_000)
    peer.pull()
    assert peer.streams[4].reply.body == pattern(300)
    assert len(peer.streams[2].reply.body) == 100
    assert peer.mirror.connection.streams.own == 0


def test_what_a_client_asks_for_is_remembered_on_both_paths() -> None:
    mirror = Mirror(application=PageSite, hints=True)
    peer = Peer(mirror)
    for stream_id in (1, 3, 5, 7):
        peer.request(stream_id, b"/same.css")
    for feed in mirror.feeds.values():
        seen = feed.connection.push.seen
        assert seen is not None
        assert seen.has(b"test.example", b"/same.css")
        assert not seen.has(b"test.example", b"/other.css")


def test_a_promised_response_may_be_worked_out_in_a_thread() -> None:
    peer = pushing(b"/a.css", in_thread=True)
    peer.request(1)
    peer.pull()
    assert peer.streams[2].reply.body == pattern(300)


def test_a_promise_can_be_padded() -> None:
    peer = pushing(b"/a.css", padding=9)
    peer.request(1)
    assert peer.expect(Promise).promised_stream_id == 2
    assert peer.paddings[0] == 9


def test_a_promised_stream_can_be_reprioritized_once_it_is_promised() -> None:
    peer = pushing(b"/large", b"/a.css")
    peer.replenish = False
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 0),)))
    peer.request(1)
    peer.pull()
    peer.send(PriorityUpdate(prioritized_stream_id=4, value=b"u=0"))
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 70_000),)))
    data = [one.stream_id for one in _all(peer) if isinstance(one, Data)]
    assert data[0] == 4


class KnownHints:
    """Promises the same request each time, as a site does."""

    def __init__(self) -> None:
        self.requests = [get(b"/a.css"), get(b"/large")]
        for one in self.requests:
            one.repeats = True

    def deliver(self, request: Request, status: int, client: PushClient) -> Delivery:
        return Delivery(
            promises=tuple(hints.Promise(one, client.urgency + 1) for one in self.requests)
        )


class KnownSite(PageSite):
    """Counts how often promised responses are recalled; nothing lasts longer than a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.page = replace(self.page, hints=KnownHints())
        self.recalled = 0

    def recall(self, request: Request) -> Response | None:
        self.recalled += request.promised
        return super().recall(request)


def test_a_promise_that_repeats_is_recalled_once_a_batch() -> None:
    site, sent = KnownSite(), []
    service = make_service(site, LocalSettings(), Limits(), Shared(), hints=True)
    for connections in (1, 2, 3):
        feed = Feed(service)
        feed.deliver(PREFACE + Settings().serialize() + WHOLE_REQUEST)
        sent.append(bytes(feed.output))
        assert site.recalled == 2 * connections
    assert sent[0] == sent[1] == sent[2]
    # Two connections in one batch, as the driver begins one for all that it has read.
    one, other = (Feed(service).connection for _ in range(2))
    before = site.recalled
    service.new_batch()
    for connection in (one, other):
        connection.receive(PREFACE + Settings().serialize() + WHOLE_REQUEST, START)
    assert site.recalled == before + 2
    # What is remembered gives the octets of what is not.
    forgetful = make_service(
        KnownSite(), LocalSettings(), Limits(), Shared(), hints=True, memories=False
    )
    feed = Feed(forgetful)
    feed.deliver(PREFACE + Settings().serialize() + WHOLE_REQUEST)
    assert bytes(feed.output) == sent[0]


def _all(peer: Peer) -> list[object]:
    peer.pull()
    events: list[object] = list(peer.events)
    peer.events.clear()
    return events


def test_what_a_log_says_of_the_delivery() -> None:
    promised = hints.Promise(get(b"/"), 3)
    link = ((b"link", b"x"),)
    assert Delivery().words() == ()
    assert Delivery(promises=(promised,)).words() == ("1 push",)
    assert Delivery(promises=(promised,) * 2, early=link, fields=link).words() == (
        "2 pushes",
        "103",
    )
    assert Delivery(fields=link).words() == ("link",)
    assert Delivery(fields=((b"set-cookie", b"a=b"),)).words() == ()


def test_the_journal_says_how_hints_were_delivered() -> None:
    peer = pushing(b"/a.css", b"/b.css")
    peer.request(1)
    peer.expect_response(1, 200)
    _all(peer)
    journal = peer.mirror.feeds["whole"].journal
    assert {(one.request.path, one.pushed): one.delivered for one in journal} == {
        (b"/", False): ("2 pushes",),
        (b"/a.css", True): (),
        (b"/b.css", True): (),
    }
