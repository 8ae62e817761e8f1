"""No request hides in another: RFC 9112 section 11.2."""

from __future__ import annotations

import pytest

from tests.http1.applications import (
    TableApplication,
    echoing,
)
from tests.http1.harness import GET, ask, post

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"

SMUGGLING = [
    # CL.TE, TE.CL, TE.TE, CL.CL and their disguises
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding\x00: chunked\r\n\r\n0\r\n\r\n",
    b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 44\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 44 \x0b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;\n\r\na\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100000000000000000\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\x00\r\n\r\n",
    b"GET http://a/ HTTP/1.1\r\nHost: x\r\nHost: a\r\n\r\n",
]


@pytest.mark.parametrize("attempt", SMUGGLING)
def test_no_hidden_request_is_answered(attempt: bytes) -> None:
    application = TableApplication()
    replies = ask(attempt + HIDDEN, application=application)
    assert [request.path for request in application.requests if request.path == b"/hidden"] == []
    assert len(replies) == 1
    assert replies[0].status in (400, 501)
    assert replies[0].fields[b"connection"] == b"close"


def test_content_is_not_a_request() -> None:
    replies = ask(post(HIDDEN) + GET, application=echoing())
    assert [reply.body for reply in replies] == [HIDDEN, b"GET /a"]
