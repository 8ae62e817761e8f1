"""The client's side of HTTP/1.1: what goes out, where a response ends, what is refused.

Every stream of octets that is read is fed whole and one octet at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.fields import Field
from h2static.http.messages import Request
from h2static.http.pipe import Pipe
from h2static.http1.client import ClientConnection
from h2static.http1.limits import Limits
from tests.support.receivers import Received, get
from tests.support.transports import START, singly, whole

CUTS = [whole, singly]
Cut = Callable[[bytes], Iterator[bytes]]
OK = b"HTTP/1.1 200 OK\r\n"


class Heads:
    """Writes down header sections."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []

    def sent_head(self, section: bytes) -> None:
        self.seen.append(("sent", section))

    def received_head(self, section: bytes) -> None:
        self.seen.append(("received", section))


class Script:
    """A client whose server is written by hand."""

    def __init__(self, cut: Cut = whole, limits: Limits | None = None) -> None:
        self.cut = cut
        self.heads = Heads()
        self.turns = 0
        self.client = ClientConnection(
            limits or Limits(), notify=self._notified, observer=self.heads
        )

    def _notified(self) -> None:
        self.turns += 1

    def ask(self, request: Request | None = None, body: bytes | Pipe = b"") -> Received:
        received = Received()
        self.client.request(request or get(), received, body)
        return received

    def take(self) -> bytes:
        """What the client has sent since."""
        self.client.pump(START, 262_144)
        octets = b"".join(self.client.pending())
        self.client.sent(len(octets), START)
        return octets

    def answer(self, octets: bytes, *, end: bool = False) -> None:
        for piece in self.cut(octets):
            self.client.receive(piece, START)
        if end:
            self.client.receive_eof(START)


def post(*fields: Field) -> Request:
    return get(b"/", b"POST", *fields)


# ---------------------------------------------------------------------- requests


def test_a_request_goes_out() -> None:
    script = Script()
    script.ask(get(b"/a?b", b"GET", (b"accept", b"*/*"), (b"te", b"trailers")))
    assert script.take() == (
        b"GET /a?b HTTP/1.1\r\nhost: test.example\r\naccept: */*\r\nte: trailers\r\n"
        b"connection: te\r\n\r\n"
    )
    assert script.heads.seen[0][0] == "sent"


def test_content_of_known_length() -> None:
    script = Script()
    script.ask(post(), b"hello")
    assert script.take() == (
        b"POST / HTTP/1.1\r\nhost: test.example\r\ncontent-length: 5\r\n\r\nhello"
    )


def test_no_content_is_announced_where_some_is_usual() -> None:
    script = Script()
    script.ask(post())
    assert script.take().endswith(b"content-length: 0\r\n\r\n")


def test_content_of_unknown_length_comes_in_chunks_with_trailers() -> None:
    script = Script()
    pipe = Pipe()
    script.ask(post(), pipe)
    assert script.take().endswith(b"transfer-encoding: chunked\r\n\r\n")
    assert len(script.client.blocked) == 1
    pipe.receive(b"hello")
    script.client.unblock(0, START)
    assert script.take() == b"5\r\nhello\r\n"
    script.client.unblock(0, START)
    pipe.end(((b"x-sum", b"1"),))
    assert script.take() == b"0\r\nx-sum: 1\r\n\r\n"


def test_connection_fields_are_not_the_requests() -> None:
    script = Script()
    fields = ((b"connection", b"close"), (b"host", b"other"), (b"transfer-encoding", b"x"))
    script.ask(get(b"/", b"GET", *fields))
    assert script.take() == b"GET / HTTP/1.1\r\nhost: test.example\r\n\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        get(b"/a b"),
        get(b"/a\r\nx: y"),
        get(b""),
        get(b"/", b"GET", (b"x", b"a\r\nb: c")),
        get(b"/", b"GET", (b"x y", b"a")),
        post((b"content-length", b"7")),
    ],
    ids=["space", "line end", "empty", "value", "name", "length"],
)
def test_what_must_not_go_out_does_not(request_: Request) -> None:
    script = Script()
    received = script.ask(request_, b"hello" if request_.method == b"POST" else b"")
    assert received.failure is not None
    assert script.take() == b""
    # The others live on.
    other = script.ask()
    assert script.take()
    script.answer(OK + b"content-length: 0\r\n\r\n")
    assert other.status() == 200


def test_requests_go_out_one_after_the_other() -> None:
    script = Script()
    first, second = script.ask(get(b"/1")), script.ask(get(b"/2"))
    assert script.take().count(b"GET") == 1
    script.answer(OK + b"content-length: 1\r\n\r\na")
    assert first.body == b"a"
    assert script.take().startswith(b"GET /2")
    script.answer(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert second.status() == 204
    assert not script.client.closing


# ---------------------------------------------------------------------- responses


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("octets", "end", "body", "reusable"),
    [
        (b"content-length: 5\r\n\r\nhello", False, b"hello", True),
        (b"content-length: 5, 5\r\n\r\nhello", False, b"hello", True),
        (b"content-length: 0\r\n\r\n", False, b"", True),
        (b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", False, b"hello",
         True),
        (b"transfer-encoding: Chunked\r\n\r\n0\r\n\r\n", False, b"", True),
        (b"\r\nhello", True, b"hello", False),
        (b"\r\n", True, b"", False),
        (b"connection: close\r\ncontent-length: 1\r\n\r\na", False, b"a", False),
    ],
)  # fmt: skip
def test_the_end_of_a_response(
    octets: bytes, end: bool, body: bytes, reusable: bool, cut: Cut
) -> None:
    script = Script(cut)
    received = script.ask()
    script.take()
    script.answer(OK + octets, end=end)
    assert received.status() == 200
    assert received.body == body
    assert script.client.closing is not reusable


@pytest.mark.parametrize("cut", CUTS)
def test_trailers_and_informational_responses(cut: Cut) -> None:
    script = Script(cut)
    received = script.ask()
    script.answer(
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100\r\n\r\n"
        + OK
        + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n"
    )
    assert [head.status for head in received.informed] == [103, 100]
    assert received.informed[0].fields == ((b"link", b"</a>"),)
    assert received.trailers == ((b"x-sum", b"1"),)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("method", "head"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ],
)
def test_responses_without_content(method: bytes, head: bytes, cut: Cut) -> None:
    script = Script(cut)
    received = script.ask(get(b"/", method))
    script.answer(head)
    assert received.trailers == ()
    other = script.ask()
    script.answer(OK + b"content-length: 0\r\n\r\n")
    assert other.status() == 200


def test_a_fold_is_a_space() -> None:
    script = Script()
    received = script.ask()
    script.answer(OK + b"x: a\r\n  b\r\ncontent-length: 0\r\n\r\n")
    assert received.head is not None
    assert received.head.fields[0] == (b"x", b"a b")


def test_http_1_0() -> None:
    script = Script()
    received = script.ask()
    script.answer(b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na")
    assert received.status() == 200
    assert script.client.closing
    script = Script()
    script.ask()
    script.answer(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\na")
    assert not script.client.closing


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("octets", "complaint"),
    [
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "not an HTTP/1.1 response"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "not an HTTP/1.1 response"),
        (b"HTTP/1.1 99 X\r\n\r\n", "status line"),
        (b"HTTP/1.1 600 X\r\n\r\n", "status line"),
        (b"HTTP/1.1  200 X\r\n\r\n", "status line"),
        (OK + b"x: a\nb: c\r\n\r\n", "bare"),
        (b"HTTP/1.1 200 OK\ncontent-length: 0\n\n", "bare LF"),
        (OK + b"x: a\x00\r\n\r\n", "control"),
        (OK + b"x : a\r\n\r\n", "field line"),
        (OK + b"x\r\n\r\n", "field line"),
        (OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", "not a single number"),
        (OK + b"content-length: -1\r\n\r\n", "not a single number"),
        (OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "both"),
        (OK + b"transfer-encoding: gzip, chunked\r\n\r\n", "transfer coding"),
        (b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "HTTP/1.0"),
        (OK + b"transfer-encoding: chunked\r\n\r\nx\r\n", "chunk size"),
        (OK + b"transfer-encoding: chunked\r\n\r\n1\r\nab\r\n", "not followed"),
        (OK + b"x: y\r\n" * 300 + b"\r\n", "field lines"),
        (OK + b"x: " + b"y" * 70_000, "too large"),
        (b"HTTP/1.1 101 X\r\nupgrade: h2c\r\n\r\n", "101"),
    ],
)
def test_what_a_server_must_not_send(octets: bytes, complaint: str, cut: Cut) -> None:
    script = Script(cut)
    received, waiting = script.ask(), script.ask(get(b"/2"))
    script.answer(octets)
    assert script.client.closing
    assert script.client.problem is not None
    assert complaint in script.client.problem
    failures = [one.failure for one in (received, waiting)]
    assert failures[0] is not None
    assert complaint in failures[0].reason
    assert not failures[0].may_retry
    # What has not gone out may be tried elsewhere.
    assert failures[1] is not None
    assert failures[1].may_retry


def test_octets_that_nobody_asked_for() -> None:
    script = Script()
    received = script.ask()
    script.answer(OK + b"content-length: 0\r\n\r\nHTTP")
    assert received.status() == 200
    assert script.client.problem == "unsolicited data from the server"
    assert script.client.closing


@pytest.mark.parametrize(
    "octets", [b"", OK, OK + b"content-length: 5\r\n\r\nhell",
               OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"],
)  # fmt: skip
def test_a_response_that_breaks_off(octets: bytes) -> None:
    script = Script()
    received = script.ask()
    script.answer(octets, end=True)
    assert received.failure is not None
    assert "closed the connection" in received.failure.reason


def test_a_reader_that_has_enough_stops_the_connection() -> None:
    script = Script()
    received = Received(takes=False)
    call = script.client.request(get(), received)
    script.answer(OK + b"content-length: 6\r\n\r\nabc")
    assert not script.client.wants_input
    script.answer(b"def")
    assert received.body == b"abc"
    call.resume()
    assert script.turns == 1
    assert script.client.backlog
    script.client.take_turn(START)
    assert received.body == b"abcdef"
    assert received.trailers == ()


def test_content_that_ends_with_the_connection_is_read_to_its_end() -> None:
    script = Script()
    received = Received(takes=False)
    call = script.client.request(get(), received)
    script.answer(OK + b"\r\n" + b"a")
    script.answer(b"b", end=True)
    assert received.body == b"a"
    assert not received.over
    call.resume()
    script.client.take_turn(START)
    call.resume()
    script.client.take_turn(START)
    assert received.body == b"ab"
    assert received.trailers == ()


def test_a_response_before_the_content_was_sent_ends_the_connection() -> None:
    script = Script()
    pipe = Pipe()
    received = script.ask(post(), pipe)
    script.take()
    script.answer(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n")
    assert received.status() == 413
    assert script.client.closing
    assert pipe.closed


def test_cancelling_ends_the_connection_unless_it_has_not_begun() -> None:
    script = Script()
    first, second = Received(), Received()
    begun = script.client.request(get(), first)
    script.client.request(get(), second).cancel()
    assert script.client.wants_input
    begun.cancel()
    assert script.client.closing
    # Whoever cancels hears nothing more.
    assert [one.failure for one in (first, second)] == [None, None]


@pytest.mark.parametrize("cut", CUTS)
def test_another_protocol_is_granted(cut: Cut) -> None:
    script = Script(cut)
    received = Received()
    fields = ((b"connection", b"Upgrade"), (b"upgrade", b"h2c"))
    script.client.upgrade(get(), received, fields)
    waiting = script.ask(get(b"/2"))
    assert b"upgrade: h2c\r\n" in script.take()
    script.answer(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nrest")
    assert received.informed[0].status == 101
    assert script.client.switched
    assert script.client.take_rest() == b"rest"
    assert [call.receiver for call in script.client.take_waiting()] == [waiting]


def test_another_protocol_is_not_granted() -> None:
    script = Script()
    received = Received()
    script.client.upgrade(get(), received, ((b"connection", b"Upgrade"), (b"upgrade", b"h2c")))
    script.answer(OK + b"content-length: 0\r\n\r\n")
    assert received.status() == 200
    assert not script.client.switched


PIECES = [
    *(OK, b"\r\n", b"content-length: 1\r\n", b"transfer-encoding: chunked\r\n", b"0\r\n\r\n"),
    *(b"HTTP/1.1 100\r\n\r\n", b"1\r\na\r\n", b"connection: close\r\n"),
]


@given(
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)), max_size=9), st.booleans()
)
def test_any_octets_are_taken_the_same_way_however_they_are_cut(
    pieces: list[bytes], end: bool
) -> None:
    octets = b"".join(pieces)
    results = []
    for cut in CUTS:
        script = Script(cut)
        received = [script.ask() for _ in range(3)]
        script.answer(octets, end=end)
        results.append(
            [(one.body, one.trailers, one.head and one.head.status, one.failure)
             for one in received] + [script.client.problem]
        )  # fmt: skip
    assert results[0] == results[1]


def test_half_a_head_is_nothing_to_go_on_with() -> None:
    """A driver gives turns as long as there is a backlog."""
    script = Script()
    script.ask()
    script.take()
    script.answer(b"HTTP/1.1 200 OK\r\ncontent-")
    assert not script.client.backlog
