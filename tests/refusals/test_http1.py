"""Every refusal of HTTP/1.1, over a socket: the error log says which peer and why."""

from __future__ import annotations

import contextlib
import glob
import socket
from dataclasses import dataclass, field

import pytest

from h2static.config import Config
from h2static.http1.limits import Limits
from h2static.site.config import SiteConfig
from tests.refusals.applications import TroubledSite
from tests.refusals.reasons import REPOSITORY, reasons_in, unseen
from tests.support.processes import DEADLINE
from tests.support.serving import serving

HOST = b"Host: a\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LIMITS = Limits()


@dataclass(slots=True, kw_only=True, frozen=True)
class Case:
    """What a client sends, and the reason that the log has."""

    octets: bytes
    reason: str
    #: The first octets of the answer; empty: none is looked at.
    answer: bytes = b"HTTP/1.1 400 "
    #: Of the line.
    kind: str = "connection"
    limits: Limits = field(default_factory=Limits)
    #: The client ends its side, and whether it reads.
    ends: bool = False
    reads: bool = True
    application: type[TroubledSite] = TroubledSite


class HopelessSite(TroubledSite):
    hopeless = True


def of(line: bytes, fields: bytes = HOST) -> bytes:
    """A request."""
    return line + b"\r\n" + fields + b"\r\n"


def get(path: bytes) -> bytes:
    """A request after which the server closes."""
    return of(b"GET %b HTTP/1.1" % path, HOST + b"Connection: close\r\n")


_CONTROLS = "control octet, bare CR or bare LF in the header section"
CASES: dict[str, Case] = {
    # --- the request line
    "two spaces": Case(octets=of(b"GET  / HTTP/1.1"), reason="malformed request line"),
    "HTTP/2.0": Case(
        octets=of(b"GET / HTTP/2.0"), reason="major version is not 1", answer=b"HTTP/1.1 505 "
    ),
    "a long line": Case(
        octets=of(b"GET /" + b"x" * LIMITS.request_line + b" HTTP/1.1"),
        reason="request line longer than 16384 octets",
        answer=b"HTTP/1.1 414 ",
    ),
    "a line without an end": Case(
        octets=b"GET /" + b"x" * (LIMITS.request_line + 10),
        reason="request line longer than 16384 octets",
        answer=b"HTTP/1.1 414 ",
    ),
    "CONNECT": Case(
        octets=of(b"CONNECT a:1 HTTP/1.1"), reason="CONNECT: not a proxy", answer=b"HTTP/1.1 501 "
    ),
    "asterisk": Case(
        octets=of(b"GET * HTTP/1.1"), reason="asterisk-form with a method other than OPTIONS"
    ),
    "fragment": Case(octets=of(b"GET /#x HTTP/1.1"), reason="fragment in the request-target"),
    "no known form": Case(octets=of(b"GET x HTTP/1.1"), reason="request-target in an unknown form"),
    "userinfo": Case(
        octets=of(b"GET http://a@b/ HTTP/1.1"), reason="invalid authority in the request-target"
    ),
    "another scheme": Case(
        octets=of(b"GET https://a/ HTTP/1.1"),
        reason="scheme of the request-target does not match the connection",
        answer=b"HTTP/1.1 421 ",
    ),
    # --- the header section
    "bare LF": Case(octets=of(b"GET / HTTP/1.1", b"Host: a\nb\r\n"), reason=_CONTROLS),
    "bare LF, incomplete": Case(octets=b"GET / HTTP/1.1\r\nHost: a\nb", reason=_CONTROLS),
    "too many fields": Case(
        octets=of(b"GET / HTTP/1.1", b"A: b\r\n" * (LIMITS.fields + 1)),
        reason=f"more than {LIMITS.fields} field lines",
        answer=b"HTTP/1.1 431 ",
    ),
    "too large": Case(
        octets=of(b"GET / HTTP/1.1", b"A: " + b"b" * LIMITS.header_section + b"\r\n"),
        reason="header section too large",
        answer=b"HTTP/1.1 431 ",
    ),
    "folded": Case(octets=of(b"GET / HTTP/1.1", b" x\r\n"), reason="folded field line"),
    "no colon": Case(octets=of(b"GET / HTTP/1.1", b"x\r\n"), reason="malformed field line"),
    "no Host": Case(octets=of(b"GET / HTTP/1.1", b""), reason="no Host field"),
    "two Hosts": Case(octets=of(b"GET / HTTP/1.1", HOST * 2), reason="more than one Host field"),
    "a bad Host": Case(
        octets=of(b"GET / HTTP/1.1", b"Host: localhost:1@evil.example\r\n"),
        reason="invalid Host field",
    ),
    "expectation": Case(
        octets=of(b"POST / HTTP/1.1", HOST + b"Content-Length: 1\r\nExpect: x\r\n"),
        reason="unknown expectation",
        answer=b"HTTP/1.1 417 ",
    ),
    # --- framing of content
    "both": Case(
        octets=POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        reason="both Transfer-Encoding and Content-Length",
    ),
    "chunks in HTTP/1.0": Case(
        octets=of(b"POST / HTTP/1.0", b"Transfer-Encoding: chunked\r\n"),
        reason="Transfer-Encoding with HTTP/1.0",
    ),
    "a bad length": Case(
        octets=POST + b"Content-Length: x\r\n\r\n", reason="invalid Content-Length"
    ),
    "chunked twice": Case(
        octets=POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
        reason="chunked is not the final transfer coding, once",
    ),
    "gzip": Case(
        octets=POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        reason="unknown transfer coding",
        answer=b"HTTP/1.1 501 ",
    ),
    # --- content
    "chunk size": Case(octets=CHUNKED + b"x\r\n", reason="malformed chunk size"),
    "chunk end": Case(octets=CHUNKED + b"1\r\nab\r\n", reason="chunk data is not followed by CRLF"),
    "chunk line": Case(
        octets=CHUNKED + b"1;" + b"x" * LIMITS.chunk_line,
        reason="chunk line or trailer section too long",
    ),
    "extensions": Case(
        octets=CHUNKED + (b"1;" + b"x" * 200 + b"\r\na\r\n") * 30,
        reason="too many chunk extensions",
    ),
    "trailers": Case(
        octets=CHUNKED + b"0\r\n" + b"A: b\r\n" * (LIMITS.fields + 1) + b"\r\n",
        reason=f"more than {LIMITS.fields} trailer fields",
        answer=b"HTTP/1.1 431 ",
    ),
    "trailer": Case(
        octets=CHUNKED + b"0\r\nA: \x01\r\n\r\n", reason="control octet in the trailer section"
    ),
    "trailer end": Case(
        octets=CHUNKED + b"0\r\nA: b\nC: d\r\n\r\n", reason="bare LF in the trailer section"
    ),
    # --- time, and the end
    "half a head": Case(
        octets=b"GET / HTTP/1.1\r\nHost",
        reason="request not complete before the timeout",
        answer=b"HTTP/1.1 408 ",
        limits=Limits(header_seconds=0.3),
    ),
    "half a content": Case(
        octets=POST + b"Content-Length: 9\r\n\r\nx",
        reason="request not complete before the timeout",
        answer=b"HTTP/1.1 408 ",
        limits=Limits(content_seconds=0.3),
    ),
    "the end in a head": Case(
        octets=b"GET / HTTP/1.1\r\nHost",
        reason="connection closed before the request was complete",
        answer=b"",
        ends=True,
    ),
    "the end in content": Case(
        octets=POST + b"Content-Length: 9\r\n\r\nx",
        reason="connection closed before the request was complete",
        answer=b"",
        ends=True,
    ),
    "nothing is read": Case(
        octets=of(b"GET /memory/20000000 HTTP/1.1"),
        reason="response not read before the timeout",
        limits=Limits(stall_seconds=0.3),
        answer=b"",
        reads=False,
    ),
    # --- what applications refuse, and what they cannot do
    "a refusal": Case(
        octets=get(b"/refused"),
        reason="403: not for you: GET /refused",
        answer=b"HTTP/1.1 403 ",
        kind="stream",
    ),
    "a refusal that a job gives": Case(
        octets=get(b"/worked-out"),
        reason="503: too busy: GET /worked-out",
        answer=b"HTTP/1.1 503 ",
        kind="stream",
    ),
    "given up": Case(
        octets=get(b"/abort"),
        reason="the application has given up",
        answer=b"HTTP/1.1 500 ",
        kind="stream",
    ),
    "a job that fails": Case(
        octets=get(b"/raise"),
        reason="Failure: what a job cannot do",
        answer=b"HTTP/1.1 500 ",
        kind="internal",
    ),
    "a body that cannot be opened": Case(
        octets=get(b"/unopened"),
        reason="Input/output error",
        answer=b"HTTP/1.1 500 ",
        kind="stream",
    ),
    "a body that fails": Case(
        octets=get(b"/broken/100000"), reason="cannot read body: ", answer=b"HTTP/1.1 200 "
    ),
    "a body that ends early": Case(
        octets=get(b"/short/100"),
        reason="body ended before its content-length",
        answer=b"HTTP/1.1 200 ",
    ),
    "a body that is too long": Case(
        octets=get(b"/greedy"),
        reason="body is longer than its content-length",
        answer=b"HTTP/1.1 200 ",
    ),
    "trailers that are none": Case(
        octets=get(b"/trailers"), reason="trailers: ", answer=b"HTTP/1.1 200 "
    ),
    "an invalid response": Case(
        octets=get(b"/invalid"), reason="response to ", answer=b"HTTP/1.1 500 ", kind="stream"
    ),
    "an invalid response, and another instead": Case(
        octets=get(b"/invalid"), reason="refusal of b'/invalid': ", answer=b"",
        application=HopelessSite,
    ),
    "an invalid refusal": Case(
        octets=of(b"GET / HTTP/1.1", b""), reason="no Host field (refusal: ", answer=b"",
        application=HopelessSite,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_has_its_line(name: str) -> None:
    case = CASES[name]
    with serving(case.application(), http1_limits=case.limits, config=config) as server:
        with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as sock:
            peer = "{}:{}".format(*sock.getsockname())
            with contextlib.suppress(ConnectionError):
                sock.sendall(case.octets)
            if case.ends:
                sock.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionError):
                while case.reads and (more := sock.recv(65536)):
                    answer += more
            server.wait_for_error(f" [{case.kind}] {peer}: ")
            server.wait_for_error(case.reason)
        assert answer.startswith(case.answer)
        assert server.errors().count("\n") == 1


def config(site: SiteConfig) -> Config:
    return Config(port=0, no_tls=True, site=site)


def test_every_reason_in_the_sources_is_among_them() -> None:
    """A new one belongs into the table."""
    modules = sorted(glob.glob("h2static/http1/*.py", root_dir=REPOSITORY))
    reasons = reasons_in(modules)
    assert len(reasons) > 30
    assert unseen(reasons, "\n".join(case.reason for case in CASES.values())) == []
