"""What a client cannot make a backend read: one well-formed request, or none.

Each row is something that made some proxy write other requests than it had read.  The backend reads
octets with a parser of its own, over HTTP/1.1; what comes through is at most the one request that
the client has sent, framed anew.
"""

from __future__ import annotations

import socket
import time

import pytest

from h2static.http.fields import Field
from h2static.http2 import registry as r
from h2static.http2.frames import Data, Frame
from tests.support.peer import Peer, request_fields
from tests.support.processes import DEADLINE
from tests.support.proxying import Backend, backend1, proxying, to
from tests.support.transports import Wire

#: What is hidden in the requests, and must not be asked.
HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n"


def assert_at_most_one(backend: Backend) -> None:
    """The backend has got one request at most, and it is the one that shows."""
    assert len(backend.asked) <= 1, backend.asked
    assert all(b"hidden" not in one.path for one in backend.asked)


def ask_after(port: int) -> None:
    """An honest request on a connection of its own; it would be answered last."""
    wire = Wire(port)
    peer = Peer(wire)
    peer.request(1, b"/a/last")
    peer.expect_response(1)
    wire.close()


# ---------------------------------------------------------------------- HTTP/2 in front


def posted(*extra: Field) -> list[Field]:
    """The fields of a request with content."""
    return request_fields(b"/a", b"POST", *extra)


def asked(*extra: Field) -> list[Field]:
    """The fields of one without."""
    return request_fields(b"/a", b"GET", *extra)


#: Fields, content, and whether a whole request comes of it.
ROWS2: dict[str, tuple[list[Field], bytes | None, bool]] = {
    # H2.CL (CVE-2021-21295): content-length less than DATA.
    "shorter length": (posted((b"content-length", b"3")), b"abc" + HIDDEN, False),
    "zero length": (posted((b"content-length", b"0")), HIDDEN, False),
    # CVE-2021-21409: with END_STREAM on HEADERS.
    "length without content": (posted((b"content-length", b"9")), None, False),
    "longer length": (posted((b"content-length", b"99")), b"abc", False),
    "two lengths": (
        posted((b"content-length", b"3"), (b"content-length", b"4")), b"abc", False
    ),
    "equal lengths": (
        posted((b"content-length", b"3"), (b"content-length", b"3")), b"abc", True
    ),
    "empty length": (posted((b"content-length", b"")), b"abc", False),
    "signed length": (posted((b"content-length", b"+3")), b"abc", False),
    # H2.TE
    "transfer-encoding": (
        posted((b"transfer-encoding", b"chunked")), b"0\r\n\r\n" + HIDDEN, False
    ),
    "connection": (asked((b"connection", b"keep-alive")), None, False),
    # Octets that end a line, or a name.
    "CR LF in a value": (asked((b"x", b"y\r\n" + HIDDEN)), None, False),
    "LF in a value": (asked((b"x", b"y\n" + HIDDEN)), None, False),
    "CR in a value": (asked((b"x", b"y\rz")), None, False),
    "NUL in a value": (asked((b"x", b"y\0z")), None, False),
    "CR LF in a name": (asked((b"x: y\r\nz", b"")), None, False),
    "colon in a name": (asked((b"x:y", b"")), None, False),
    "space in a name": (asked((b"x y", b"")), None, False),
    "empty name": (asked((b"", b"x")), None, False),
    "upper case": (asked((b"X", b"y")), None, False),
    # One parser's field is another's several (CVE-2026-44546).
    "vertical tab": (asked((b"x", b"y\x0bz: 1")), None, False),
    "file separator": (asked((b"x", b"y\x1cz: 1")), None, False),
    "next line": (asked((b"x", b"y\x85z: 1")), None, True),
    # The request line.
    "space in the method": (request_fields(b"/a", b"GET /hidden HTTP/1.1\r\nx: "), None, False),
    "lines in the path": (request_fields(b"/a HTTP/1.1\r\nhost: x\r\n\r\n" + HIDDEN), None, False),
    "space in the path": (request_fields(b"/a /hidden"), None, False),
    "relative path": (request_fields(b"a"), None, False),
    "absolute URI": (request_fields(b"http://other/a"), None, False),
    "fragment": (request_fields(b"/a#x"), None, False),
    "backslash": (request_fields(b"/a\\..\\hidden"), None, False),
    "asterisk": (request_fields(b"*"), None, False),
    # Who is asked.
    "two hosts": (asked((b"host", b"a"), (b"host", b"b")), None, False),
    "another host": (asked((b"host", b"other.example")), None, False),
    "lines in the authority": (request_fields(b"/a", authority=b"x\r\n\r\n" + HIDDEN), None, False),
    "user in the authority": (request_fields(b"/a", authority=b"a@b"), None, False),
    "octets in the scheme": (request_fields(b"/a", scheme=b"http://x/hidden?"), None, False),
    "unknown pseudo-header": ([*request_fields(b"/a"), (b":other", b"x")], None, False),
    # Other protocols.
    "h2c": (asked((b"upgrade", b"h2c"), (b"http2-settings", b"AAM")), None, False),
    "CONNECT": ([(b":method", b"CONNECT"), (b":authority", b"other.example:25")], None, False),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS2)
def test_over_http2(row: str) -> None:
    fields, content, comes_through = ROWS2[row]
    with backend1() as backend, proxying(to("/a", backend.target)) as proxy:
        wire = Wire(proxy.port)
        peer = Peer(wire)
        peer.exact = False
        frames: list[Frame] = [peer.headers(1, fields, end_stream=content is None)]
        if content is not None:
            frames.append(Data(stream_id=1, flags=r.END_STREAM, data=content))
        # At once: a request of length 0 is whole, and answered, before its content comes.
        peer.send(*frames)
        reply = peer.reply(1)
        wire.close()
        if comes_through:
            assert reply.status == 200
            assert len(backend.whole) == 1
            assert backend.asked[0].body == (content or b"")
        else:
            assert reply.reset is not None or reply.status >= 400
            assert backend.whole == []
        assert_at_most_one(backend)
        ask_after(proxy.port)
        # The backend may hear only now that a request has broken off.
        assert [one.path for one in backend.whole] == [b"/a"] * comes_through + [b"/a/last"]


# ---------------------------------------------------------------------- HTTP/1.1 in front


def post(*lines: bytes, body: bytes = b"", target: bytes = b"/a", method: bytes = b"POST") -> bytes:
    """A request; ``lines`` are field lines."""
    head = [method + b" " + target + b" HTTP/1.1", b"host: front.example", *lines]
    return b"\r\n".join([*head, b"", b""]) + body


ROWS1: dict[str, tuple[bytes, int]] = {
    "CL.TE": (
        post(b"content-length: 6", b"transfer-encoding: chunked", body=b"0\r\n\r\n" + HIDDEN), 400
    ),
    "TE.CL": (
        post(b"transfer-encoding: chunked", b"content-length: 4", body=b"5c\r\n" + HIDDEN), 400
    ),
    "TE.TE": (post(b"transfer-encoding: chunked, identity", body=b"0\r\n\r\n" + HIDDEN), 400),
    "xchunked": (post(b"transfer-encoding: xchunked", body=b"0\r\n\r\n" + HIDDEN), 400),
    "chunked with a tab": (post(b"transfer-encoding:\tchunked", body=b"0\r\n\r\n"), 200),
    "folded": (post(b"transfer-encoding:", b" chunked", body=b"0\r\n\r\n" + HIDDEN), 400),
    "space before the colon": (post(b"content-length : 3", body=b"abc" + HIDDEN), 400),
    "two lengths": (post(b"content-length: 3", b"content-length: 30", body=b"abc" + HIDDEN), 400),
    "list of lengths": (post(b"content-length: 3, 3", body=b"abc"), 400),
    "bare LF": (post(b"x: y\ncontent-length: 30", body=HIDDEN), 400),
    "bare CR": (post(b"x: y\rcontent-length: 30", body=HIDDEN), 400),
    "NUL": (post(b"x: y\0z"), 400),
    "chunk size": (post(b"transfer-encoding: chunked", body=b"0x3\r\nabc\r\n0\r\n\r\n"), 400),
    "chunk without its end": (
        post(b"transfer-encoding: chunked", body=b"3\r\nabcGET /hidden\r\n0\r\n\r\n"), 400
    ),
    "two hosts": (post(b"host: other.example"), 400),
    "another authority": (post(target=b"http://other.example/a", method=b"GET"), 200),
    "fragment": (post(target=b"/a#x", method=b"GET"), 400),
    "h2c": (
        post(b"connection: upgrade, http2-settings", b"upgrade: h2c", b"http2-settings: AAMAAABk",
             method=b"GET"), 200
    ),
    "length of GET": (post(b"content-length: 3", method=b"GET", body=b"abc"), 200),
}  # fmt: skip


def converse(port: int, octets: bytes) -> bytes:
    """What comes back for ``octets``, once the proxy has ended the connection or said enough."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
        sock.sendall(octets)
        sock.shutdown(socket.SHUT_WR)
        found = b""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            piece = sock.recv(65_536)
            if not piece:
                return found
            found += piece
    raise AssertionError("the connection does not end")


@pytest.mark.parametrize("row", ROWS1)
def test_over_http1(row: str) -> None:
    octets, status = ROWS1[row]
    with backend1() as backend, proxying(to("/a", backend.target)) as proxy:
        found = converse(proxy.port, octets)
        if status == 200:
            assert found.startswith(b"HTTP/1.1 200 ")
            assert len(backend.whole) == 1
        else:
            assert backend.whole == []
        # Content may be found wrong when its request is under way: then the connection ends.
        assert not found or found.startswith((b"HTTP/1.1 %d " % status, b"HTTP/1.1 502 "))
        assert_at_most_one(backend)
        ask_after(proxy.port)


def test_expect_is_answered_here() -> None:
    """A backend that answers it in its own time could take content for a request."""
    with backend1() as backend, proxying(to("/a", backend.target)) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), DEADLINE) as sock:
            sock.sendall(post(b"content-length: 3", b"expect: 100-continue"))
            assert sock.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(b"abc")
            assert sock.recv(65_536).startswith(b"HTTP/1.1 200 ")
        asked = backend.one()
        assert asked.get(b"expect") is None
        assert asked.body == b"abc"
