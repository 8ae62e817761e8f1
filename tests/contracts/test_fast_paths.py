"""The fast path is the plain path: each octet, each counter.

A server that remembers and one that remembers nothing answer the same clients from the same files:
known requests, new ones, pipelined, with priorities, windows, resets and settings in between, while
the files change.  Whatever differs after any read is a fault (:mod:`tests.support.twins`).  Header
blocks are equal to the octet, too: what is remembered is what the encoder would write.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from h2static.http.fields import Field
from h2static.http2 import registry as r
from h2static.http2.frames import (
    Data,
    Headers,
    Ping,
    PriorityFields,
    PriorityUpdate,
    RstStream,
    Settings,
    WindowUpdate,
)
from h2static.http2.settings import LocalSettings
from h2static.http2.shutdown import SHUTDOWN_PING
from hpacktools.codec import Encoder, Representation
from tests.support.twins import CONTENTS, FILES, FORGETFUL, TAGS, Folder, HTTP1Twins, HTTP2Twins

#: ``make fuzz`` searches longer.
_FACTOR = int(os.environ.get("H2STATIC_TEST_FACTOR", "1"))
searched = settings(
    max_examples=settings().max_examples * 3 // 2 * _FACTOR,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.function_scoped_fixture),
)

#: A step of a script: what is done, and two numbers that say with what.
Step: TypeAlias = tuple[str, int, int]

PATHS = (b"/", b"/?q=1", b"/a.js", FORGETFUL, b"/empty.txt", b"/large.txt", b"/missing", b"/%zz")
_EXTRAS: tuple[tuple[Field, ...], ...] = (
    (),
    ((b"user-agent", b"a browser"), (b"accept", b"*/*")),
    ((b"cookie", b"id=1"),),
    ((b"accept-encoding", b"gzip, br"),),
    *(((b"if-none-match", tag),) for tag in TAGS[:3]),
    ((b"if-modified-since", b"Tue, 14 Nov 2023 22:13:21 GMT"),),
    ((b"range", b"bytes=1-2"),),
    ((b"range", b"bytes=-3,0-1"),),
    ((b"range", b"bytes=100000-"),),
    ((b"priority", b"u=1"),),
    ((b"priority", b"u=5, i"),),
)
#: Fields that clients do not index: their values are seldom the same.
_LITERAL = frozenset((b":path", b"if-none-match", b"if-modified-since", b"range"))
#: Requests, those that everybody sends first.
REQUESTS = [
    (method, path, extra)
    for method in (b"GET", b"HEAD", b"OPTIONS")
    for extra in _EXTRAS
    for path in PATHS
]
#: Paths and fields of requests that are malformed, for another server, or too much.
FAULTS: tuple[tuple[bytes, *tuple[Field, ...]], ...] = (
    (b"",),
    (b"a.js",),
    (b"/a js",),
    (b"/a.js#here",),
    (b"/\x00",),
    (b"*",),
    (b"/a.js", (b":scheme", b"https")),
    (b"/a.js", (b":authority", b"")),
    (b"/a.js", (b":authority", b"two hosts")),
    (b"/a.js", (b"host", b"other.example")),
    (b"/a.js", (b"Accept", b"*/*")),
    (b"/a.js", (b"connection", b"close")),
    (b"/a.js", (b"content-length", b"3")),
    (b"/a.js", (b"content-length", b"0")),
    (b"/a.js", (b"x", b"two\nlines")),
    (b"/a.js", (b"x", b"long" * 20_000)),
    # Larger than a frame may be.
    (b"/a.js", (b"x", b"long" * 8_000)),
    (b"/a.js", *[(b"x", b"")] * 300),
)
_HEADS = tuple(range(len(_EXTRAS) * len(PATHS), (len(_EXTRAS) + 1) * len(PATHS)))
_NAMES = tuple(FILES)


def _of(name: str, one: int, two: int) -> st.SearchStrategy[Step]:
    """Steps of one kind, with numbers up to these."""
    return st.tuples(st.just(name), st.integers(0, one), st.integers(0, two))


def _known() -> st.SearchStrategy[Step]:
    """What is asked for most often, above all the first of it."""
    head = _HEADS[PATHS.index(FORGETFUL)]
    number = st.sampled_from((0, 0, 0, head, head, *range(len(PATHS)), *_HEADS))
    return st.tuples(st.just("ask"), number, st.integers(1, 9))


def _steps(*more: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    """Scripts: most of what is in them is requests that come again."""
    # Alternatives that are the same object would count once.
    often = [_known() for _ in range(6)]
    often += [_of("ask", len(REQUESTS) - 1, 5) for _ in range(3)]
    often += [_of("read", 0, 40) for _ in range(3)]
    edit = st.tuples(
        st.just("edit"), st.integers(0, len(_NAMES) - 1), st.integers(-1, len(CONTENTS) - 1)
    )
    others = st.tuples(
        st.sampled_from(["wait", "stop", "go", "drain", "end", "connect", "connect"]),
        st.integers(0, 3),
        st.just(0),
    )
    hold = _of("hold", 0, 3)
    return st.lists(st.one_of(*often, edit, hold, others, *more), min_size=10, max_size=50)


def test_the_requests_that_come_most_often_are_plain() -> None:
    """What :func:`_steps` takes for granted."""
    assert REQUESTS[: len(PATHS)] == [(b"GET", path, ()) for path in PATHS]
    assert [REQUESTS[number] for number in _HEADS] == [(b"HEAD", path, ()) for path in PATHS]


class Player:
    """Does what a script says; ``twins`` compare after each read."""

    def __init__(self, folder: Folder, twins: HTTP1Twins | HTTP2Twins) -> None:
        self.folder = folder
        self.twins = twins
        #: What is to come in the next read.
        self.pending = b""

    def play(self, script: list[Step]) -> None:
        for name, one, two in script:
            if name != "read" and self.twins.closing:
                self.connect(0, 0)
            if name in ("edit", "wait", "stop", "go", "drain", "end", "connect"):
                self.read(0, 0)
            action: Callable[[int, int], None] = getattr(self, name)
            action(one, two)
        self.read(0, 0)
        self.go(0, 0)
        self.wait(10, 0)

    def read(self, one: int, two: int) -> None:
        """The first ``two`` octets come by themselves."""
        octets, self.pending = self.pending, b""
        for part in (octets[:two], octets[two:]):
            if part:
                self.twins.deliver(part)

    def edit(self, one: int, two: int) -> None:
        self.folder.write(_NAMES[one], None if two < 0 else two)

    def wait(self, one: int, two: int) -> None:
        self.twins.wait(one)

    def stop(self, one: int, two: int) -> None:
        self.twins.take(False)

    def go(self, one: int, two: int) -> None:
        self.twins.take(True)

    def hold(self, one: int, two: int) -> None:
        """The client asks for more than one turn gives, and takes nothing for a while."""
        self.read(0, 0)
        self.stop(0, 0)
        self.ask(PATHS.index(b"/a.js"), 9 + 9 * two)
        self.read(0, 0)
        self.go(0, 0)

    def drain(self, one: int, two: int) -> None:
        self.twins.drain()

    def end(self, one: int, two: int) -> None:
        self.twins.end_input()

    def connect(self, one: int, two: int) -> None:
        self.twins.connect()
        self.pending = b""

    def warm(self, connections: int) -> None:
        """Have what is asked for most often known to the server that remembers."""
        self.twins.alone = True
        usual = (*range(len(PATHS)), len(PATHS), *_HEADS)
        for connection in range(connections):
            # One page is asked for first, or another: that is in the table as it is at first.
            first = connection % 2 * PATHS.index(b"/large.txt")
            for number in (first, *usual):
                self.ask(number, 3)
                self.read(0, 0)
            self.connect(0, 0)
        self.twins.alone = False
        self.connect(0, 0)
        # How many different responses were asked for is known of the last second only.
        self.wait(3, 0)

    def ask(self, one: int, two: int) -> None:
        """A request, so many times, as clients write it."""
        raise NotImplementedError


class HTTP2Player(Player):
    """A client of HTTP/2 that indexes what it sends, or does not."""

    def __init__(self, folder: Folder, server: LocalSettings, credit: int = 10**7) -> None:
        self.server = server
        self.allowed = credit
        super().__init__(folder, HTTP2Twins(folder, server))
        self._greet()

    def _greet(self) -> None:
        self.encoder = Encoder()
        self.next_id = 1
        #: Requests of a browser so far.
        self.asked = 0
        frames = (
            Settings(),
            WindowUpdate(stream_id=0, increment=self.allowed),
            Settings(flags=r.ACK),
        )
        self.pending = r.PREFACE + b"".join([frame.serialize() for frame in frames])
        for size in (self.server.passing_header_table_size, self.server.header_table_size):
            if size is not None:
                self.encoder.change_maximum(size)

    def connect(self, one: int, two: int) -> None:
        super().connect(one, two)
        self._greet()

    def _block(self, fields: list[Field], how: Representation | None = None) -> bytes:
        """``how``: as clients do."""
        return self.encoder.encode(
            [
                (
                    name,
                    value,
                    how
                    or (
                        Representation.WITHOUT_INDEXING
                        if name in _LITERAL
                        else Representation.WITH_INDEXING
                    ),
                )
                for name, value in fields
            ]
        )

    def _headers(self, fields: list[Field], flags: int, how: Representation | None = None) -> None:
        frame = Headers(stream_id=self.next_id, flags=flags, fragment=self._block(fields, how))
        self.pending += frame.serialize()
        self.next_id += 2

    def ask(self, one: int, two: int) -> None:
        """A request, so many times, as clients write it."""
        method, path, extra = REQUESTS[one]
        fields = [(b":method", method), (b":scheme", b"http"), (b":path", path)]
        fields += [(b":authority", b"test.example"), *extra]
        for _ in range(two):
            self._headers(fields, r.END_STREAM | r.END_HEADERS)

    def written(self, one: int, two: int) -> None:
        """A request in another way: nothing is indexed, or all, or nobody is to remember it."""
        method, path, extra = REQUESTS[one]
        fields = [(b":method", method), (b":scheme", b"http"), (b":path", path), *extra]
        how = list(Representation)[two % 3]
        for _ in range(two):
            self._headers(fields, r.END_STREAM | r.END_HEADERS, how)

    def browse(self, one: int, two: int) -> None:
        """Requests for what a page needs: they differ only in their paths, and none comes again.

        Browsers add the old priority fields; ``one``: whether they do, whether there is a cookie,
        and whether the stream depends on itself, which ends the connection.
        """
        for _ in range(two + 1):
            self.asked += 1
            path = PATHS[self.asked % len(PATHS)]
            path += (b"&" if b"?" in path else b"?") + b"v=%d" % self.asked
            dependency = self.next_id if one == 7 else 0
            priority = PriorityFields(dependency=dependency, weight=256, exclusive=True)
            self._browser(path, cookie=one & 2 > 0, priority=priority if one & 1 else None)

    def fault(self, one: int, two: int) -> None:
        """Between requests that differ only in their paths, one that is not as it must be."""
        self._browser(b"/a.js?f=%d" % one)
        path, *more = FAULTS[one]
        self._browser(path, *more)
        self._browser(b"/a.js?g=%d" % two)

    def _browser(
        self,
        path: bytes,
        *more: Field,
        cookie: bool = False,
        priority: PriorityFields | None = None,
    ) -> None:
        fields = [(b":method", b"GET"), (b":authority", b"test.example"), (b":scheme", b"http")]
        fields += [(b":path", path), (b"user-agent", b"a browser"), (b"accept-language", b"en")]
        if cookie:
            fields.append((b"cookie", b"id=2"))
        # What begins with a colon replaces a field.
        changed = {name: value for name, value in more if name[:1] == b":"}
        fields = [(name, changed.get(name, value)) for name, value in fields]
        fields += [field for field in more if field[0][:1] != b":"]
        block = self.encoder.encode([(*field, Representation.WITH_INDEXING) for field in fields])
        flags = r.END_STREAM | r.END_HEADERS | (r.PRIORITY_FLAG if priority else 0)
        frame = Headers(stream_id=self.next_id, flags=flags, fragment=block, priority=priority)
        self.pending += frame.serialize()
        self.next_id += 2

    def post(self, one: int, two: int) -> None:
        """A request with content, which the site has no use for."""
        fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", PATHS[one % len(PATHS)])]
        stream_id = self.next_id
        self._headers(fields, r.END_HEADERS)
        if two:
            end = Data(stream_id=stream_id, data=bytes(two), flags=r.END_STREAM)
            self.pending += end.serialize()

    def credit(self, one: int, two: int) -> None:
        """For the connection, or for the stream before last or thereabouts."""
        stream_id = self._earlier(one) if one else 0
        self.pending += WindowUpdate(stream_id=stream_id, increment=1 + two * 3_000).serialize()

    def window(self, one: int, two: int) -> None:
        size = (0, 3, 100, 65_535)[one]
        entry = (r.SETTINGS_INITIAL_WINDOW_SIZE, size)
        self.pending += Settings(entries=(entry,)).serialize()

    def table(self, one: int, two: int) -> None:
        """What the client's decoder may hold: the server's encoder follows."""
        entry = (r.SETTINGS_HEADER_TABLE_SIZE, (0, 60, 200, 4_096)[one])
        self.pending += Settings(entries=(entry,)).serialize()

    def own_table(self, one: int, two: int) -> None:
        """The client's encoder uses less of its table, or all of it again."""
        most = r.INITIAL_HEADER_TABLE_SIZE
        if self.server.header_table_size is not None:
            most = self.server.header_table_size
        self.encoder.change_maximum(min(most, (0, 100, 300, 4_096)[one]))

    def fill(self, one: int, two: int) -> None:
        """Ask for about as much as the connection's first window has room for."""
        self.ask(PATHS.index(b"/large.txt"), 3)
        self.read(0, 0)
        self.ask(PATHS.index(b"/a.js"), 8 + two)

    def leave(self, one: int, two: int) -> None:
        """The server is told to stop, and its client has heard of it when it asks on."""
        self.read(0, 0)
        self.twins.drain()
        self.pending += Ping(flags=r.ACK, opaque=SHUTDOWN_PING).serialize()

    def ping(self, one: int, two: int) -> None:
        self.pending += Ping().serialize()

    def cancel(self, one: int, two: int) -> None:
        frame = RstStream(stream_id=self._earlier(one), code=8)
        self.pending += frame.serialize()

    def prefer(self, one: int, two: int) -> None:
        """Of a stream that is to come, or that has come."""
        stream_id = self.next_id + 2 * two if one else self._earlier(two)
        frame = PriorityUpdate(prioritized_stream_id=stream_id, value=(b"u=0", b"u=7, i")[one % 2])
        self.pending += frame.serialize()

    def skip(self, one: int, two: int) -> None:
        """Leave out identifiers."""
        self.next_id += 2 * one

    def _earlier(self, back: int) -> int:
        return max(1, self.next_id - 2 * back)


http2_steps = (
    _of("written", len(REQUESTS) - 1, 5),
    *[_of("browse", 7, 3) for _ in range(2)],
    _of("fault", len(FAULTS) - 1, 3),
    _of("post", len(PATHS) - 1, 5),
    _of("credit", 3, 40),
    *[_of(name, 3, 3) for name in ("window", "table", "own_table", "prefer", "cancel")],
    _of("fill", 0, 3),
    *[_of(name, 3, 0) for name in ("ping", "skip", "leave")],
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("www")


@example(
    # The turn ends between the field section and the content of a response.
    script=[
        ("read", 0, 0),
        *[("ask", 0, 1)] * 5,
        ("ask", PATHS.index(b"/missing"), 8),
        ("post", 0, 0),
        ("ask", 0, 2),
    ],
    warm=0,
    credit=1,
    server=LocalSettings(encoder_header_table_size=0),
)
@example(
    # Each fault by itself, and a stream that depends on itself.
    script=[
        step
        for fault in range(len(FAULTS))
        for step in (("browse", 1, 1), ("fault", fault, 0), ("connect", 0, 0))
    ]
    + [("browse", 1, 1), ("browse", 7, 0)],
    warm=0,
    credit=10**7,
    server=LocalSettings(),
)
@searched
@given(
    script=_steps(*http2_steps),
    warm=st.sampled_from([0, 6, 6]),
    credit=st.sampled_from([1, 10**7, 10**7]),
    server=st.sampled_from(
        [
            LocalSettings(),
            LocalSettings(),
            LocalSettings(max_concurrent_streams=3),
            LocalSettings(header_table_size=200),
            LocalSettings(encoder_header_table_size=0),
            LocalSettings(padding=7),
        ]
    ),
)
def test_of_http2(
    root: Path, warm: int, script: list[Step], server: LocalSettings, credit: int
) -> None:
    player = HTTP2Player(Folder(root), server, credit)
    player.warm(warm)
    player.play(script)


class HTTP1Player(Player):
    """A client of HTTP/1.1."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder, HTTP1Twins(folder))

    def ask(self, one: int, two: int) -> None:
        """A request, so many times."""
        self.pending += self._section(REQUESTS[one], b"1.1") * two

    def _section(
        self, request: tuple[bytes, bytes, tuple[Field, ...]], version: bytes, *more: bytes
    ) -> bytes:
        method, path, extra = request
        lines = [b"%b %b HTTP/%b" % (method, path, version), b"Host: test.example"]
        lines += [b"%b: %b" % (name.title(), value) for name, value in extra]
        return b"\r\n".join([*lines, *more, b"", b""])

    def kept(self, one: int, two: int) -> None:
        """A request that says how the connection is to go on."""
        version, *more = [
            (b"1.1", b"Connection: close"),
            (b"1.1", b"Connection: keep-alive"),
            (b"1.0", b"Connection: keep-alive"),
            (b"1.0",),
            (b"1.1", b"Expect: 100-continue"),
            (b"1.1", b"Connection: upgrade", b"Upgrade: websocket"),
        ][two]
        self.pending += self._section(REQUESTS[one], version, *more)

    def post(self, one: int, two: int) -> None:
        """A request with content, which the site has no use for."""
        request = (b"POST", PATHS[one % len(PATHS)], ())
        if two % 2:
            self.pending += self._section(request, b"1.1", b"Content-Length: %d" % two)
            self.pending += bytes(two)
        else:
            self.pending += self._section(request, b"1.1", b"Transfer-Encoding: chunked")
            self.pending += b"2\r\nhi\r\n0\r\n\r\n"

    def leave(self, one: int, two: int) -> None:
        """The server is told to stop before the first request has come."""
        self.connect(0, 0)
        self.twins.drain()

    def empty(self, one: int, two: int) -> None:
        """Empty lines before a request that may be known, again and again."""
        for _ in range(one):
            self.read(0, 0)
            self.pending = b"\r\n" * two
            self.read(0, 0)
            self.ask(0, 1)

    def odd(self, one: int, two: int) -> None:
        """What is no request of this kind."""
        self.pending += (
            b"\r\n",
            b"GET / HTTP/2.0\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            b"GET http://test.example/a.js HTTP/1.1\r\nHost: test.example\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: test.example\n\n",
        )[two]


http1_steps = (
    _of("kept", len(REQUESTS) - 1, 5),
    *[_of(name, len(PATHS) - 1, 5) for name in ("post", "odd", "leave", "empty")],
)


@searched
@given(script=_steps(*http1_steps), warm=st.sampled_from([0, 2]))
def test_of_http1(root: Path, warm: int, script: list[Step]) -> None:
    player = HTTP1Player(Folder(root))
    player.warm(warm)
    player.play(script)


def test_it_is_the_fast_path_that_is_compared(root: Path) -> None:
    """Or the tests here would mean nothing: what is warm is known, what has no memory is not."""
    player = HTTP2Player(Folder(root), LocalSettings())
    player.warm(6)
    twins = player.twins
    assert isinstance(twins, HTTP2Twins)
    player.ask(0, 1)
    player.read(0, 0)
    fast, plain = twins.feeds
    block = player._block([(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"),
                           (b":authority", b"test.example")])  # fmt: skip
    assert block in fast.connection.blocks.state.known
    assert not plain.connection.blocks.state.known
    assert [bool(site.memory.responses) for site in twins.sites] == [True, False]
    older = HTTP1Player(Folder(root))
    older.warm(2)
    assert isinstance(older.twins, HTTP1Twins)
    known = [memory.sections(secure=False, proxied=False) for memory in older.twins.memories]
    assert [len(one) > 10 for one in known] == [True, False]
    assert [bool(site.memory.responses) for site in older.twins.sites] == [True, False]
