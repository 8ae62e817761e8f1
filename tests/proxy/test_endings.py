"""How responses end that are not what they should be, and requests that nobody waits for."""

from __future__ import annotations

import socket
import threading

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Data, Frame, GoAway, RstStream
from h2static.http2.registry import ErrorCode
from h2static.proxy.limits import ProxyLimits
from tests.proxy.conftest import MakeBackend, MakeFront
from tests.proxy.fronts import Front1, Front2
from tests.support.fake_server import Visitor, fake_server
from tests.support.processes import DEADLINE, wait_until
from tests.support.proxying import (
    OK,
    Asked,
    backend1,
    backend2,
    proxying,
    say_dripping,
    say_octets,
    say_ok,
    say_ok2,
    to,
)
from tests.support.servers import free_port

#: Octets that a backend sends in place of a response, or after its beginning, and whether the
#: client has seen the beginning.
NOT_HTTP: dict[str, tuple[bytes, bool]] = {
    "nothing": (b"", False),
    "something else": (b"SSH-2.0-OpenSSH_9.2\r\n", False),
    "HTTP/0.9": (b"<html>hello</html>", False),
    "HTTP/2": (b"\0\0\0\4\0\0\0\0\0", False),
    "another version": (b"HTTP/3.0 200 OK\r\n\r\n", False),
    "half a head": (b"HTTP/1.1 200 OK\r\ncontent-", False),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", False),
    "bare LF": (b"HTTP/1.1 200 OK\ncontent-length: 0\n\n", False),
    "control octet": (b"HTTP/1.1 200 OK\r\nx: a\x0bb\r\ncontent-length: 0\r\n\r\n", False),
    "NUL": (b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n", False),
    "space before the colon": (b"HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n", False),
    "both framings": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        False,
    ),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", False
    ),
    "unknown coding": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc", False),
    "101 that nobody wants": (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n", False
    ),
    "too large a head": (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, False),
    "too many fields": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n", False),
    "too many informational": (b"HTTP/1.1 102 Processing\r\n\r\n" * 101, False),
    "content that is too short": (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", True),
    "chunks without their end": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", True
    ),
    "a malformed chunk": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n", True
    ),
}  # fmt: skip


@pytest.mark.parametrize("drip", [False, True], ids=["at once", "one by one"])
@pytest.mark.parametrize("row", NOT_HTTP)
def test_not_a_response(front: MakeFront, row: str, drip: bool) -> None:
    octets, began = NOT_HTTP[row]
    if drip and len(octets) > 1_000:
        pytest.skip("the same octet again and again")
    answer = say_dripping(octets) if drip else say_octets(octets)
    with backend1(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        got = client.ask(method=b"POST", body=b"x")
        if began and got.status == 200:
            assert got.broken
            proxy.wait_for_error("the response was cut off")
            # The other line, which comes after it.
            proxy.wait_for_error("the content was cut off")
        else:
            # What broke in one read with its head has not begun.
            assert got.status == 502
            proxy.wait_for_error(" 502: 127.0.0.1:")
        assert len(behind.asked) == 1
        assert proxy.errors().count("\n") == 1 + (began and got.status == 200)
        # Nothing of the upstream's connection is used again.
        wait_until(lambda: proxy.links() == [], "the connection to be gone")


@pytest.mark.parametrize("drip", [False, True], ids=["at once", "one by one"])
@pytest.mark.parametrize(
    ("octets", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", b"abc"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
            b"abc",
        ),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc", b"abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", b""),
    ],
)  # fmt: skip
def test_responses(front: MakeFront, octets: bytes, body: bytes, drip: bool) -> None:
    answer = say_dripping(octets) if drip else say_octets(octets)
    with backend1(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask()
        assert (got.status, got.body, got.broken) == (200, body, False)


def test_octets_behind_a_response_end_the_connection(front: MakeFront) -> None:
    """They would be taken for the next one's."""
    more = OK + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhidden"
    with (
        backend1(say_octets(more, last=False)) as behind,
        proxying(to("/a", behind.target)) as proxy,
    ):
        client = front(proxy.port)
        for _ in range(3):
            assert client.ask().body == b"ok"
        assert len(behind.connections) == 3


def test_content_that_nobody_reads_ends_the_connection(front: MakeFront) -> None:
    """A backend that answers early would take the rest of the content for a request."""

    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.send(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nno!")
        visitor.wait_for_end()
        return False

    with (
        backend1(answer, body_first=False) as behind,
        proxying(to("/a", behind.target)) as proxy,
    ):
        client = front(proxy.port)
        client.begin_upload()
        client.upload(b"x" * 1_000)
        got = client.read()
        assert (got.status, got.body) == (413, b"no!")
        wait_until(lambda: proxy.links() == [], "the connection to be gone")


def test_nobody_listens(front: MakeFront) -> None:
    port = free_port()
    # Nobody waits for the time to connect: the client has gone long before it is over.
    patient = 100 * DEADLINE
    with proxying(
        to("/a", f"http://127.0.0.1:{port}", connect_timeout=patient),
        to("/b", f"h2c://127.0.0.1:{port}", connect_timeout=patient),
    ) as proxy:
        client = front(proxy.port)
        assert client.ask(b"/a").status == 502
        assert client.ask(b"/b").status == 502
        proxy.wait_for_error(f"127.0.0.1:{port}: Connection refused")


def test_a_name_that_does_not_exist(front: MakeFront) -> None:
    with proxying(to("/a", "http://nowhere.invalid:80")) as proxy:
        assert front(proxy.port).ask().status == 502


def test_no_connection_in_time(front: MakeFront) -> None:
    """Nobody accepts, and the queue of those who wait is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        try:
            for one in fillers:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            with proxying(to("/a", f"http://127.0.0.1:{port}", connect_timeout=0.3)) as proxy:
                assert front(proxy.port).ask().status == 504
        finally:
            for one in fillers:
                one.close()


def test_no_response_in_time(front: MakeFront, backend: MakeBackend) -> None:
    release = threading.Event()

    def wait1(visitor: Visitor, asked: Asked) -> bool:
        release.wait(DEADLINE)
        return False

    def wait2(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        visitor.expect(RstStream)

    make = backend1(wait1) if backend is backend1 else backend2(wait2)
    with make as behind, proxying(to("/a", behind.target, timeout=0.3)) as proxy:
        client = front(proxy.port)
        assert client.ask().status == 504
        proxy.wait_for_error("no response within 0.3 s")
        release.set()


def test_nothing_more_in_time(front: MakeFront) -> None:
    release = threading.Event()

    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
        release.wait(DEADLINE)
        return False

    with backend1(answer) as behind, proxying(to("/a", behind.target, read_timeout=0.3)) as proxy:
        got = front(proxy.port).ask()
        assert (got.status, got.body, got.broken) == (200, b"abc", True)
        proxy.wait_for_error("no data for 0.3 s")
        release.set()


def test_a_client_that_goes_takes_its_request_along(front: MakeFront) -> None:
    gone = threading.Event()

    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.wait_for_end()
        gone.set()
        return False

    with backend1(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        client.send()
        behind.one()
        client.cancel()
        assert gone.wait(DEADLINE)


def test_a_client_that_goes_resets_the_stream(front: MakeFront) -> None:
    codes: list[int] = []

    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        if asked.path == b"/a/2":
            say_ok2(visitor, asked, stream_id)
            return
        visitor.send(visitor.head(stream_id, (b":status", b"200")))
        visitor.send(Data(stream_id=stream_id, data=b"abc"))
        codes.append(visitor.expect(RstStream).code)

    with backend2(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        client.send(b"/a/1")
        behind.one()
        client.read_some()
        client.cancel()
        wait_until(lambda: codes == [ErrorCode.CANCEL], "RST_STREAM")
        # The others on the connection live on.
        assert front(proxy.port).ask(b"/a/2").status == 200
        assert len(behind.connections) == 1


def test_events_are_flushed_at_once(front: MakeFront) -> None:
    step = threading.Semaphore(0)

    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        for number in range(3):
            visitor.send(b"data: %d\n\n" % number)
            assert step.acquire(timeout=DEADLINE)
        return False

    with backend1(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        client.send()
        for number in range(3):
            seen = b""
            while b"data: %d" % number not in seen:
                seen += client.read_some()
            step.release()


def test_events_end_when_the_server_is_about_to_stop(front: MakeFront) -> None:
    """Their clients come back to its successor; everything else goes on."""
    gone = threading.Event()

    def answer(visitor: Visitor, asked: Asked) -> bool:
        kind = b"text/event-stream" if asked.path == b"/a/events" else b"text/plain"
        visitor.send(b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\n\r\nabc")
        if asked.path == b"/a/events":
            visitor.wait_for_end()
            gone.set()
        else:
            gone.wait(DEADLINE)
            visitor.send(b"def")
        return False

    with backend1(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        events, other = front(proxy.port), front(proxy.port)
        events.send(b"/a/events")
        other.send(b"/a/other")
        wait_until(lambda: len(behind.asked) == 2, "both requests")
        events.read_some()
        other.read_some()
        proxy.in_thread(proxy.proxies[0].drain)
        assert gone.wait(DEADLINE)
        if isinstance(events, Front2):
            assert events.peer.reply(1).ended
        if isinstance(other, Front2):
            assert other.peer.reply(1).body == b"abcdef"


@pytest.mark.parametrize("size", [0, 3, 70_000])
def test_http2_one_by_one(front: MakeFront, size: int) -> None:
    """Every octet that the upstream sends comes alone, or nearly so."""
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)

    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        frames: list[Frame] = [
            visitor.head(stream_id, (b":status", b"103"), (b"link", b"</x>")),
            visitor.head(stream_id, (b":status", b"200"), (b"x", b"y")),
            *(
                Data(stream_id=stream_id, data=content[start : start + 10_000])
                for start in range(0, size, 10_000)
            ),
            visitor.head(stream_id, (b"x-sum", b"1"), end=True),
        ]
        octets = b"".join([frame.serialize() for frame in frames])
        visitor.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(600):
            visitor.send(octets[start : start + 1])
        for start in range(600, len(octets), 997):
            visitor.send(octets[start : start + 997])

    with backend2(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask(fields=[(b"te", b"trailers")])
        assert (got.status, got.body) == (200, content)
        assert [status for status, _ in got.informational] == [103]
        assert got.trailers == [(b"x-sum", b"1")]


# ---------------------------------------------------------------------- once more


def test_a_connection_is_used_again(front: MakeFront, backend: MakeBackend) -> None:
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        for _ in range(5):
            assert client.ask().status == 200
        assert len(behind.connections) == 1


def test_an_idle_connection_is_closed(front: MakeFront) -> None:
    limits = ProxyLimits(idle_seconds=0.2, tick=0.05)
    with backend1() as behind, proxying(to("/a", behind.target), limits=limits) as proxy:
        assert front(proxy.port).ask().status == 200
        wait_until(lambda: proxy.links() == [], "the connection to be gone")


@pytest.mark.parametrize(
    ("method", "body", "tries"),
    [(b"GET", None, 2), (b"PUT", b"abc", 2), (b"POST", b"abc", 1), (b"PUT", b"x" * 40_000, 1)],
)
def test_a_stale_connection(
    front: MakeFront, method: bytes, body: bytes | None, tries: int
) -> None:
    """The second request of a connection meets its end: only what may be repeated is."""
    seen: list[int] = []

    def answer(visitor: Visitor, asked: Asked) -> bool:
        number = [id(one) for one in behind.connections].index(id(visitor))
        seen.append(number)
        if number == 0 and len(seen) > 1:
            return False
        return say_ok(visitor, asked)

    with backend1(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        assert client.ask().status == 200
        got = client.ask(method=method, body=body)
        assert got.status == (200 if tries == 2 else 502)
        assert seen == [0, 0, 1][: 1 + tries]
        if tries == 2 and body is not None:
            assert behind.asked[-1].body == body


def test_many_stale_connections(front: MakeFront) -> None:
    """Of an upstream that has restarted: one of them shows that none is worth trying."""
    together, stale = 5, threading.Event()
    gathered = threading.Barrier(together)

    def answer(visitor: Visitor, asked: Asked) -> bool:
        if visitor not in behind.connections[:together]:
            return say_ok(visitor, asked)
        if stale.is_set():
            return False
        gathered.wait(DEADLINE)
        return say_ok(visitor, asked)

    with backend1(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        clients = [front(proxy.port) for _ in range(together)]
        for client in clients:
            client.send()
        assert [client.read().status for client in clients] == [200] * together
        stale.set()
        assert clients[0].ask().status == 200
        assert len(behind.asked) == together + 2
        wait_until(lambda: len(proxy.links()) == 1, "the others to be closed")


def test_a_new_connection_that_ends_is_not_tried_again(front: MakeFront) -> None:
    with backend1(say_octets(b"")) as behind, proxying(to("/a", behind.target)) as proxy:
        assert front(proxy.port).ask().status == 502
        assert len(behind.asked) == 1


@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_a_refused_stream_is_tried_again(front: MakeFront, method: bytes) -> None:
    count = 0

    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        nonlocal count
        count += 1
        if count == 1:
            visitor.send(RstStream(stream_id=stream_id, code=ErrorCode.REFUSED_STREAM))
        else:
            say_ok2(visitor, asked, stream_id)

    with backend2(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask(method=method, body=None if method == b"GET" else b"abc")
        assert (got.status, got.body) == (200, b"ok")
        assert len(behind.asked) == 2
        assert behind.asked[1].body == behind.asked[0].body


def test_refused_again_and_again(front: MakeFront) -> None:
    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        visitor.send(RstStream(stream_id=stream_id, code=ErrorCode.REFUSED_STREAM))

    with backend2(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        assert front(proxy.port).ask().status == 502
        assert len(behind.asked) == 3


def test_above_the_last_stream_of_goaway(front: MakeFront) -> None:
    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        if len(behind.connections) == 1:
            visitor.send(GoAway(last_stream_id=0, code=ErrorCode.NO_ERROR))
            visitor.wait_for_end()
        else:
            say_ok2(visitor, asked, stream_id)

    with backend2(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask(method=b"POST", body=b"abc")
        assert (got.status, got.body) == (200, b"ok")
        assert len(behind.connections) == 2


def test_below_the_last_stream_of_goaway(front: MakeFront) -> None:
    """It is finished; the next one goes elsewhere."""

    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        if len(behind.connections) == 1:
            visitor.send(GoAway(last_stream_id=stream_id, code=ErrorCode.NO_ERROR))
        say_ok2(visitor, asked, stream_id)

    with backend2(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        assert [client.ask().status for _ in range(3)] == [200] * 3
        assert len(behind.connections) == 2
        wait_until(lambda: len(proxy.links()) == 1, "the first connection to be gone")


@pytest.mark.parametrize("code", [ErrorCode.INTERNAL_ERROR, ErrorCode.CANCEL])
def test_a_stream_that_is_reset(front: MakeFront, code: ErrorCode) -> None:
    begun = threading.Event()

    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        if asked.path == b"/a/late":
            visitor.send(visitor.head(stream_id, (b":status", b"200")))
            visitor.send(Data(stream_id=stream_id, data=b"abc"))
            # In one read with its beginning, a response that is reset has not begun.
            assert begun.wait(DEADLINE)
        if asked.path != b"/a/well":
            visitor.send(RstStream(stream_id=stream_id, code=code))
        else:
            say_ok2(visitor, asked, stream_id)

    with backend2(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        assert client.ask(b"/a/at-once").status == 502
        client.send(b"/a/late")
        seen = b""
        while b"abc" not in seen:
            seen += client.read_some()
        begun.set()
        if isinstance(client, Front1):
            client.push_back(seen)
        got = client.read()
        assert (got.status, got.body, got.broken) == (200, b"abc", True)
        assert front(proxy.port).ask(b"/a/well").status == 200
        assert len(behind.connections) == 1


def test_a_broken_http2_connection(front: MakeFront) -> None:
    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        visitor.send(Data(stream_id=stream_id + 2, flags=r.END_STREAM, data=b"x"))
        visitor.wait_for_end()

    with backend2(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        assert front(proxy.port).ask().status == 502
        proxy.wait_for_error("protocol error")
        wait_until(lambda: proxy.links() == [], "the connection to be gone")


def test_http1_where_http2_is_expected(front: MakeFront) -> None:
    def answer(visitor: Visitor) -> None:
        visitor.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        visitor.wait_for_end()

    with (
        fake_server(answer) as server,
        proxying(to("/a", f"h2c://127.0.0.1:{server.port}")) as proxy,
    ):
        assert front(proxy.port).ask().status == 502
        proxy.wait_for_error("the server answered with HTTP/1.1")


# ---------------------------------------------------------------------- many


def test_many_at_a_time(backend: MakeBackend) -> None:
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        client = Front2(proxy.port)
        for number in range(50):
            client.send(b"/a/%d" % number)
        for number in range(50):
            assert client.peer.reply(1 + 2 * number).status == 200
        client.close()
        assert {one.path for one in behind.asked} == {b"/a/%d" % number for number in range(50)}
        if behind.scheme == "h2c":
            assert len(behind.connections) == 1


def test_no_more_streams_than_the_upstream_takes() -> None:
    most = 0
    under_way: set[int] = set()
    lock = threading.Lock()

    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        nonlocal most
        with lock:
            under_way.add(stream_id)
            most = max(most, len(under_way))
            under_way.discard(stream_id)
        say_ok2(visitor, asked, stream_id)

    limits = ProxyLimits(multiplexed=1)
    settings = ((r.SETTINGS_MAX_CONCURRENT_STREAMS, 2),)
    with (
        backend2(answer, settings=settings) as behind,
        proxying(to("/a", behind.target), limits=limits) as proxy,
    ):
        client = Front2(proxy.port)
        client.ask()
        for number in range(20):
            client.send(b"/a/%d" % number)
        for number in range(20):
            assert client.peer.reply(3 + 2 * number).status == 200
        client.close()
        assert len(behind.connections) == 1
        assert most <= 2


def test_more_than_may_wait(front: MakeFront) -> None:
    release = threading.Event()

    def answer(visitor: Visitor, asked: Asked) -> bool:
        release.wait(DEADLINE)
        return say_ok(visitor, asked)

    limits = ProxyLimits(connections=1, waiting=1)
    with backend1(answer) as behind, proxying(to("/a", behind.target), limits=limits) as proxy:
        first, second, third = front(proxy.port), front(proxy.port), front(proxy.port)
        first.send()
        behind.one()
        second.send()
        (upstream,) = proxy.proxies[0].upstreams
        wait_until(lambda: any(upstream._waiting.values()), "the second request to wait")
        assert third.ask().status == 503
        release.set()
        assert first.read().status == 200
        assert second.read().status == 200
        assert len(behind.connections) == 1
