"""A client's connection: windows that grow, tables, promises, and how it ends."""

from __future__ import annotations

from dataclasses import replace

from h2static.http.messages import Request, Response
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.client import ClientConnection, make_endpoint
from h2static.http2.frames import Data, GoAway, Headers, RstStream, WindowUpdate
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from tests.http2.test_client import CUTS, Script
from tests.http2.test_push import PageSite
from tests.support.receivers import Pair, Received, get
from tests.support.small_site import SmallSite, pattern
from tests.support.transports import START


def test_windows_grow_with_what_is_taken() -> None:
    """What is read gets a wide window, what nobody reads keeps the first one."""
    wide = LocalSettings(largest_stream_window=1_000_000, largest_connection_window=4_000_000)
    pair = Pair(SmallSite(), settings=wide)
    received = pair.ask(get(b"/memory/3000000"))
    assert received.body == pattern(3_000_000)
    slow = Received(takes=False)
    pair.client.request(get(b"/memory/3000000"), slow)
    pair.settle()
    assert len(slow.body) == 65_535
    assert pair.client.responses.content.window.size == 4_000_000
    # What goes beyond is an error: the size is the limit and not a goal.
    fixed = Pair(SmallSite())
    assert fixed.ask(get(b"/memory/3000000")).body == pattern(3_000_000)
    assert fixed.client.responses.content.window.size == r.INITIAL_WINDOW_SIZE


def test_growing_windows_are_announced() -> None:
    script = Script(LocalSettings(largest_stream_window=200_000))
    script.ask()
    script.send(script.head(1, (b":status", b"200")))
    sizes = []
    for _ in range(40):
        script.send(Data(stream_id=1, data=bytes(16_384)))
        updates = [one for one in script.take() if isinstance(one, WindowUpdate)]
        sizes += [one.increment for one in updates if one.stream_id == 1]
    # As much as was taken, and the window once more until it is as wide as it may be.
    grown = (65_535, 200_000 - 2 * 65_535)
    assert sizes[:2] == [2 * 16_384 + grown[0], 4 * 16_384 + grown[1]]
    assert all(size % 16_384 == 0 for size in sizes[2:])
    assert script.client.streams.open[1].window.size == 200_000


def test_a_table_that_was_smaller_in_between() -> None:
    """Two sizes in one SETTINGS frame: the next block begins with an update to the smaller one."""
    settings = LocalSettings(passing_header_table_size=0, header_table_size=4_096)
    script = Script(settings)
    received = script.ask()
    plain = b"\x88"
    script.send(Headers(stream_id=1, flags=5, fragment=plain))
    (goaway,) = script.take()
    assert isinstance(goaway, GoAway)
    assert goaway.code == ErrorCode.COMPRESSION_ERROR
    assert goaway.debug.startswith(b"no dynamic table size update to 0 or less")
    assert received.failure is not None
    script = Script(settings)
    received = script.ask()
    script.send(Headers(stream_id=1, flags=5, fragment=b"\x20\x3f\xe1\x1f" + plain))
    assert received.status() == 200


def test_promised_content_that_is_not_taken_at_once() -> None:
    class Site(PageSite):
        def recall(self, request: Request) -> Response | None:
            found = super().recall(request)
            if request.path == b"/large" and found is not None:
                return replace(found, fields=(), body=pattern(200_000))
            return found

    pair = Pair(Site(b"/large"), settings=LocalSettings(enable_push=True), hints=True)
    received = Received(takes=False)
    pair.client.request(get(), received)
    pair.settle()
    ((_, _, promised),) = received.promises
    assert promised.call is not None
    while not promised.over:
        before = len(promised.body)
        promised.call.resume()
        pair.settle()
        assert len(promised.body) > before
    assert promised.body == pattern(200_000)


def test_the_end_of_a_stream_before_its_response() -> None:
    script = Script()
    received = script.ask()
    script.send(Data(stream_id=1, flags=r.END_STREAM))
    assert script.take() == [RstStream(stream_id=1, code=ErrorCode.PROTOCOL_ERROR)]
    assert received.failure is not None
    assert received.failure.code == ErrorCode.PROTOCOL_ERROR
    script.lives_on(3)


def test_goodbye() -> None:
    script = Script()
    received = script.ask()
    script.client.close(START)
    assert script.take() == [GoAway(last_stream_id=0, code=ErrorCode.NO_ERROR)]
    assert received.failure is not None
    assert script.client.closing


def test_a_response_on_stream_1_after_an_upgrade() -> None:
    script = Script()
    received = Received()
    script.client.upgraded(get(), received)
    script.send(script.head(1, (b":status", b"200"), flags=5))
    assert received.status() == 200
    script.lives_on(3)


def test_an_answer_in_http1_is_called_so() -> None:
    endpoint = make_endpoint(LocalSettings(), Limits(), Shared())
    for cut in CUTS:
        client = ClientConnection(endpoint, START)
        received = Received()
        client.request(get(), received)
        for piece in cut(b"HTTP/1.1 400 Bad Request\r\n\r\n"):
            client.receive(piece, START)
        assert client.problem == "PROTOCOL_ERROR: the server answered with HTTP/1.1"
        assert received.failure is not None
