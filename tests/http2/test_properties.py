"""Properties of a whole connection, searched by Hypothesis.

Nothing that a peer sends makes it raise; how octets are cut, remembered or looked at changes
nothing; and a client that keeps the rules is served whole, within every window, whatever it does.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from h2static.http.hints import Delivery, Promise, PushClient
from h2static.http.messages import Request, Response
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.frames import (
    Data,
    Headers,
    Ping,
    PriorityUpdate,
    RstStream,
    Settings,
    WindowUpdate,
    unpack_header,
)
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.service import make_service
from h2static.http2.settings import LocalSettings
from tests.conformance.cases import octets
from tests.http2 import sessions
from tests.support.peer import Peer, request_fields
from tests.support.small_site import SmallSite, pattern
from tests.support.transports import WALL_CLOCK, Feed, Mirror

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
#: ``make fuzz`` searches longer.
_FACTOR = int(os.environ.get("H2STATIC_TEST_FACTOR", "1"))
#: Fewer for ``make quick``, as the profile says.
_EXAMPLES = settings().max_examples * _FACTOR
quick = settings(max_examples=3 * _EXAMPLES, deadline=None, suppress_health_check=_SLOW)
thorough = settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=_SLOW)

HELLO = r.PREFACE + Settings().serialize() + Settings(flags=r.ACK).serialize()

#: Streams that collide often, and the edges.
stream_ids = st.sampled_from([0, 1, 1, 3, 3, 5, 5, 7, 2, 101, 2**31 - 1, 2**31 + 1, 2**32 - 1])

#: Header blocks: right ones, those with missing fields, broken ones, any octets.
header_blocks = st.one_of(
    st.sampled_from(
        [
            b"\x82\x84\x86\x01\x01x",
            b"\x83\x86\x04\x05/echo\x01\x01x",
            b"\x82\x86\x04\x0c/file/100000\x01\x01x",
            b"\x82\x86\x44\x0d/memory/70000\x41\x01x",
            b"\x82\x86\xbe\xbf",
            b"\x83\x86\x04\x06/early\x01\x01x",
            b"\x82\x86\x04\x09/deferred\x01\x01x",
            b"\x82\x86\x04\x07/silent\x01\x01x",
            b"\x82\x84",
            b"\x20\x82\x84\x86",
            b"\x00\x05x-sum\x011",
            b"",
        ]
    ),
    st.binary(max_size=30),
)

frame_octets = st.one_of(
    st.builds(
        octets,
        st.just(r.HEADERS),
        st.sampled_from([0x05, 0x05, 0x05, 0x04, 0x01, 0x00, 0x0D, 0x25]),
        stream_ids,
        header_blocks,
    ),
    st.builds(octets, st.just(r.CONTINUATION), st.sampled_from([0, 4]), stream_ids, header_blocks),
    st.builds(
        octets,
        st.just(r.DATA),
        st.sampled_from([0, 0, 1, 8, 9]),
        stream_ids,
        st.binary(max_size=40),
    ),
    st.builds(
        octets,
        st.just(r.SETTINGS),
        st.sampled_from([0, 0, 0, 1]),
        st.just(0),
        st.lists(
            st.tuples(
                st.integers(0, 10),
                st.sampled_from([0, 1, 100, 4_096, 16_384, 65_535, 2**31 - 1, 2**32 - 1]),
            ).map(lambda entry: entry[0].to_bytes(2, "big") + entry[1].to_bytes(4, "big")),
            max_size=3,
        ).map(b"".join),
    ),
    st.builds(
        octets,
        st.just(r.WINDOW_UPDATE),
        st.just(0),
        stream_ids,
        st.sampled_from([0, 1, 1_000, 70_000, 2**31 - 1]).map(lambda n: n.to_bytes(4, "big")),
    ),
    st.builds(octets, st.just(r.RST_STREAM), st.just(0), stream_ids, st.just(bytes(4))),
    st.builds(octets, st.just(r.PING), st.sampled_from([0, 1]), st.just(0), st.just(b"h2static")),
    st.builds(
        octets,
        st.just(r.PRIORITY_UPDATE),
        st.just(0),
        st.just(0),
        st.tuples(stream_ids, st.sampled_from([b"u=0", b"i", b"\xff"])).map(
            lambda pair: pair[0].to_bytes(4, "big") + pair[1]
        ),
    ),
    # Anything at all.
    st.builds(
        octets,
        st.integers(0, 255),
        st.integers(0, 255),
        stream_ids,
        st.binary(max_size=20),
    ),
    st.binary(max_size=30),
)

scripts = st.lists(frame_octets, max_size=25)
server_settings = st.sampled_from(
    [
        LocalSettings(),
        LocalSettings(padding=5),
        LocalSettings(max_concurrent_streams=2),
        LocalSettings(header_table_size=0, initial_window_size=10, encoder_header_table_size=50),
    ]
)


def check_output(output: bytes) -> None:
    """Whole frames, and nothing after the GOAWAY of an error."""
    position = 0
    ended = False
    while position < len(output):
        assert not ended, "a frame after the GOAWAY of an error"
        length_type, _, stream_id = unpack_header(output, position)
        assert length_type >> 8 <= 16_384
        assert stream_id < 2**31
        if length_type & 0xFF == r.GOAWAY:
            ended = output[position + 13 : position + 17] != bytes(4)
        position += 9 + (length_type >> 8)
    assert position == len(output)


@quick
@given(script=scripts, settings_=server_settings)
def test_cut_remembered_or_observed_all_is_the_same(
    script: list[bytes], settings_: LocalSettings
) -> None:
    """A :class:`Mirror` fails on the first octet that differs."""
    mirror = Mirror(settings=settings_, limits=Limits(discarded_content=50))
    mirror.deliver(HELLO)
    for piece in script:
        mirror.deliver(piece)
    mirror.wait(1)
    mirror.drain()
    mirror.deliver(b"".join(script))
    mirror.wait(70)
    check_output(mirror.take())


class Driven:
    """One connection to which anything is done in any order."""

    def __init__(self) -> None:
        shared = Shared()
        shared.date.tick(WALL_CLOCK)
        service = make_service(SmallSite(), LocalSettings(), Limits(), shared)
        self.feed = Feed(service)
        self.feed.settle()

    def do(self, action: tuple[str, bytes]) -> None:
        feed = self.feed
        connection = feed.connection
        name, data = action
        match name:
            case "receive":
                feed.deliver(data)
            case "wait":
                feed.wait(data[0] / 4 if data else 0)
            case "stop":
                feed.taking = False
            case "go":
                feed.taking = True
                feed.settle()
            case "drain":
                connection.drain(feed.now)
            case "eof":
                connection.receive_eof(feed.now)
            case "pump":
                connection.pump(feed.now, 100)
            case "unblock":
                connection.unblock(data[0] if data else 1, feed.now)
            case "abandon":
                connection.abandon()
            case _:
                raise AssertionError(name)
        assert connection.output_octets >= 0
        assert connection.open_streams >= 0
        feed.settle()


actions = st.one_of(
    st.tuples(st.just("receive"), frame_octets),
    st.tuples(st.just("receive"), frame_octets),
    st.tuples(
        st.sampled_from(["wait", "stop", "go", "drain", "pump", "unblock"]), st.binary(max_size=1)
    ),
)


@quick
@given(
    start=st.sampled_from([HELLO, HELLO, r.PREFACE, b""]),
    script=st.lists(actions, max_size=30),
    end=st.sampled_from(["eof", "abandon", "drain"]),
)
def test_nothing_makes_it_raise(start: bytes, script: list[tuple[str, bytes]], end: str) -> None:
    driven = Driven()
    driven.do(("receive", start))
    for action in script:
        driven.do(action)
    driven.do((end, b""))
    driven.do(("go", b""))
    check_output(bytes(driven.feed.output))
    if driven.feed.connection.problem is not None:
        assert driven.feed.connection.closing
        assert not driven.feed.connection.streams.open


@thorough
@given(data=st.data())
@pytest.mark.parametrize("name", sessions.names())
def test_sessions_with_faults(name: str, data: st.DataObject) -> None:
    """Real sessions with octets changed, left out, doubled or put in."""
    session = bytearray(b"".join(sessions.load(name))[:4_000])
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(len(r.PREFACE), len(session) - 1))
        kind = data.draw(st.sampled_from(["flip", "drop", "double", "insert"]))
        if kind == "flip":
            session[position] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "drop":
            del session[position : position + data.draw(st.integers(1, 12))]
        elif kind == "double":
            session[position:position] = session[position : position + 20]
        else:
            session[position:position] = data.draw(st.binary(min_size=1, max_size=9))
    mirror = Mirror(alone=True)
    mirror.deliver(bytes(session))
    mirror.wait(5)
    check_output(mirror.take())


# ---------------------------------------------------------------------- a client that keeps rules

_PATHS = [b"/", b"/memory/0", b"/memory/20000", b"/file/40000", b"/slow/15000", b"/deferred"]

_WORDS = st.sampled_from([b"", b"u=1", b"i"])

polite_actions = st.one_of(
    st.tuples(
        st.just("get"), st.integers(0, len(_PATHS) - 1), st.sampled_from([b"", b"u=1", b"i"])
    ),
    st.tuples(st.just("get"), st.integers(0, len(_PATHS) - 1), st.just(b"u=5, i")),
    st.tuples(st.just("head"), st.integers(0, len(_PATHS) - 1), st.just(b"")),
    st.tuples(st.just("post"), st.integers(0, 3), st.just(b"")),
    st.tuples(
        st.just("content"), st.integers(0, 3_000), st.sampled_from([b"", b"end", b"trailers"])
    ),
    st.tuples(st.just("window"), st.sampled_from([0, 1, 5, 100, 65_535, 200_000]), st.just(b"")),
    st.tuples(st.just("table"), st.sampled_from([0, 1, 64, 4_096, 70_000]), st.just(b"")),
    st.tuples(st.just("credit"), st.integers(1, 50_000), st.sampled_from([b"", b"all"])),
    st.tuples(st.just("cancel"), st.integers(0, 30), st.just(b"")),
    st.tuples(st.just("ping"), st.just(0), st.just(b"")),
    st.tuples(st.just("prefer"), st.integers(0, 30), st.sampled_from([b"u=0", b"u=7,i", b"i"])),
    st.tuples(st.just("pause"), st.integers(1, 5), st.just(b"")),
)


class EagerHints:
    """Promises as many streams as the client lets it."""

    def deliver(self, request: Request, status: int, client: PushClient) -> Delivery:
        if not client.push_enabled:
            return Delivery(early=((b"link", b"</a>"),), fields=((b"link", b"</a>"),))
        paths = (b"/memory/100", b"/memory/20000", b"/deferred")
        return Delivery(
            promises=tuple(
                Promise(
                    Request(
                        method=b"GET",
                        scheme=b"http",
                        authority=request.authority,
                        path=path,
                        fields=(),
                    ),
                    client.urgency,
                )
                for path in paths[: max(0, client.free_streams)]
            )
        )


class PushingSite(SmallSite):
    """The page ``/`` has hints."""

    def _make(self, request: Request) -> Response:
        made = super()._make(request)
        if request.path == b"/" and request.method == b"GET":
            return replace(made, hints=EagerHints())
        return made


class PoliteClient:
    """Does what it is told, as far as the rules allow it; the peer below checks the server."""

    def __init__(self, padding: int, *, pushed: bool = False) -> None:
        mirror = Mirror(
            application=PushingSite if pushed else SmallSite,
            settings=LocalSettings(padding=padding),
            hints=pushed,
        )
        self.peer = Peer(mirror, replenish=False)
        self.next_id = 1
        self.expected: dict[int, bytes] = {}
        self.uploads: dict[int, bytearray] = {}
        self.cancelled: set[int] = set()
        self.largest_table = 4_096

    def do(self, action: tuple[str, int, bytes]) -> None:
        name, number, word = action
        getattr(self, name)(number, word)
        self.peer.pull()
        self.peer.events.clear()

    def _new(self) -> int:
        self.next_id += 2
        return self.next_id - 2

    def get(self, number: int, word: bytes, method: bytes = b"GET") -> None:
        stream_id = self._new()
        path = _PATHS[number]
        extra = [(b"priority", word)] if word else []
        kind, _, size = path[1:].partition(b"/")
        body = b"hello" if not kind else pattern(int(size)) if size else b"worked out later"
        self.expected[stream_id] = body if method == b"GET" else b""
        self.peer.send(self.peer.headers(stream_id, request_fields(path, method, *extra)))

    def head(self, number: int, word: bytes) -> None:
        self.get(number, word, b"HEAD")

    def post(self, number: int, word: bytes) -> None:
        stream_id = self._new()
        self.uploads[stream_id] = bytearray()
        fields = request_fields(b"/echo", b"POST", *[(b"x-n", b"v" * number)] * number)
        self.peer.send(self.peer.headers(stream_id, fields, end_stream=False))

    def content(self, number: int, word: bytes) -> None:
        if not self.uploads:
            return
        stream_id, upload = next(iter(self.uploads.items()))
        room = min(
            65_535 + self.peer.credit(stream_id) - len(upload),
            65_535 + self.peer.credit(0) - sum(map(len, self.uploads.values())),
        )
        data = bytes(min(number, max(0, room)))
        upload += data
        if word != b"end":
            self.peer.send(Data(stream_id=stream_id, data=data))
        else:
            self.peer.send(Data(stream_id=stream_id, data=data, flags=r.END_STREAM))
        if word == b"trailers":
            block = self.peer.block([(b"x-sum", b"%d" % number)])
            self.peer.send(Headers(stream_id=stream_id, flags=5, fragment=block))
        if word:
            self.expected[stream_id] = bytes(upload)
            del self.uploads[stream_id]

    def window(self, number: int, word: bytes) -> None:
        self.peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, number),)))

    def table(self, number: int, word: bytes) -> None:
        self.largest_table = max(self.largest_table, number)
        self.peer.decoder.max_allowed_table_size = self.largest_table
        self.peer.send(Settings(entries=((r.SETTINGS_HEADER_TABLE_SIZE, number),)))

    def credit(self, number: int, word: bytes) -> None:
        self.peer.send(WindowUpdate(stream_id=0, increment=number))
        for stream_id, stream in self.peer.streams.items():
            if word and not stream.over:
                self.peer.send(WindowUpdate(stream_id=stream_id, increment=number))

    def cancel(self, number: int, word: bytes) -> None:
        stream_id = 2 * number + 1
        stream = self.peer.streams.get(stream_id)
        if stream is None or stream_id in self.cancelled:
            return
        if not stream.over or stream_id in self.uploads:
            self.cancelled.add(stream_id)
        self.uploads.pop(stream_id, None)
        stream.over = True
        self.peer.send(RstStream(stream_id=stream_id, code=ErrorCode.CANCEL))

    def streams(self, number: int, word: bytes) -> None:
        self.peer.send(
            Settings(
                entries=(
                    (r.SETTINGS_ENABLE_PUSH, 1 if word else 0),
                    (r.SETTINGS_MAX_CONCURRENT_STREAMS, number),
                )
            )
        )

    def refuse(self, number: int, word: bytes) -> None:
        promised = [one for one in self.peer.streams if one % 2 == 0 and one <= 2 * number]
        for stream_id in promised:
            stream = self.peer.streams[stream_id]
            if not stream.over:
                stream.over = True
                self.cancelled.add(stream_id)
                self.peer.send(RstStream(stream_id=stream_id, code=ErrorCode.REFUSED_STREAM))

    def ping(self, number: int, word: bytes) -> None:
        self.peer.send(Ping())

    def prefer(self, number: int, word: bytes) -> None:
        self.peer.send(PriorityUpdate(prioritized_stream_id=2 * number + 1, value=word))

    def pause(self, number: int, word: bytes) -> None:
        self.peer.mirror.wait(number)

    def finish(self) -> None:
        """Give all windows and all content: everything must come."""
        while self.uploads:
            self.content(0, b"end")
        self.peer.pull()
        self.peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 2**20),)))
        self.peer.send(WindowUpdate(stream_id=0, increment=2**24))
        for stream_id, stream in self.peer.streams.items():
            if not stream.over:
                self.peer.send(WindowUpdate(stream_id=stream_id, increment=2**20))
        self.peer.pull()
        assert self.peer.fatal is None
        for stream_id, body in self.expected.items():
            if stream_id not in self.cancelled:
                reply = self.peer.streams[stream_id].reply
                assert (reply.status, reply.ended, reply.reset) == (200, True, None)
                assert reply.body == body
        for stream_id, stream in self.peer.streams.items():
            if stream_id % 2 == 0 and stream_id not in self.cancelled:
                assert stream.reply.ended
        connection = self.peer.mirror.connection
        assert not connection.streams.open
        assert connection.open_streams == 0
        assert connection.streams.own == 0
        assert not connection.closing
        self.peer.events.clear()
        self.peer.expect_alive()


@thorough
@given(
    script=st.lists(polite_actions, max_size=30),
    padding=st.sampled_from([0, 0, 1, 40]),
)
def test_a_client_that_keeps_the_rules_is_served(
    script: list[tuple[str, int, bytes]], padding: int
) -> None:
    """Within every window, frame size and state; see :class:`tests.support.peer.Peer`."""
    client = PoliteClient(padding)
    for action in script:
        client.do(action)
    client.finish()


@thorough
@given(
    script=st.lists(
        st.one_of(
            polite_actions,
            st.tuples(st.just("get"), st.just(0), _WORDS),
            st.tuples(st.just("get"), st.just(0), _WORDS),
            st.tuples(st.just("streams"), st.integers(0, 5), st.sampled_from([b"", b"on", b"on"])),
            st.tuples(st.just("refuse"), st.integers(1, 30), st.just(b"")),
        ),
        max_size=30,
    ),
    padding=st.sampled_from([0, 0, 40]),
)
def test_a_client_that_is_pushed_to_is_served(
    script: list[tuple[str, int, bytes]], padding: int
) -> None:
    """The same with promised streams, which it limits, refuses and switches off as it likes."""
    client = PoliteClient(padding, pushed=True)
    for action in script:
        client.do(action)
    client.finish()
