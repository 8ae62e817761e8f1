"""Every violation and refusal of HTTP/2, over a socket: the error log says which peer and why.

The cases are those of the tests by RFC section, and what those have in other forms.
"""

from __future__ import annotations

import glob
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from h2static.config import Config
from h2static.http.fields import Field
from h2static.http2 import registry as r
from h2static.http2.frames import (
    Data,
    Frame,
    GoAway,
    Headers,
    Ping,
    RstStream,
    Settings,
    WindowUpdate,
)
from h2static.http2.limits import Limits
from h2static.http2.server import ServerConnection
from h2static.site.config import SiteConfig
from tests.conformance.cases import Case, octets, parametrize, prepared
from tests.conformance.sections import BY_SECTION
from tests.refusals.applications import TroubledSite
from tests.refusals.reasons import REPOSITORY, reasons_in, unseen
from tests.support.peer import Peer, request_fields
from tests.support.replies import Section
from tests.support.serving import Serving, serving
from tests.support.transports import Mirror, Wire


@dataclass(slots=True, kw_only=True, frozen=True)
class Refusal:
    """What a client does, and the reason that the log has."""

    act: Callable[[Peer], object]
    reason: str
    limits: Limits = field(default_factory=Limits)
    #: What the server tunnels.
    protocols: frozenset[bytes] = frozenset()
    #: Whether the client exchanges prefaces first.
    handshake: bool = True
    window_bits: int | None = None
    connection_window_bits: int | None = None

    def config(self, site: SiteConfig) -> Config:
        """Of the server."""
        return Config(
            port=0,
            no_tls=True,
            site=site,
            window_bits=self.window_bits,
            connection_window_bits=self.connection_window_bits,
        )


def ask(
    *extra: Field, path: bytes = b"/", scheme: bytes = b"http", method: bytes = b"GET"
) -> Callable[[Peer], object]:
    """One request, whole."""
    fields = request_fields(path, method, *extra, scheme=scheme)
    return lambda peer: peer.send(peer.headers(1, fields))


def authority(*fields: Field) -> Callable[[Peer], object]:
    """One request with these in the place of :authority."""
    pseudo: list[Field] = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")]
    both = sorted([*pseudo, *fields], key=lambda one: not one[0].startswith(b":"))
    return lambda peer: peer.send(peer.headers(1, both))


def post(
    *frames: Frame, path: bytes = b"/echo", length: int | None = None
) -> Callable[[Peer], object]:
    """A request whose content is to come, ``length`` octets as it says, and what comes."""
    said = [] if length is None else [(b"content-length", b"%d" % length)]
    fields = request_fields(path, b"POST", *said)
    return lambda peer: peer.send(peer.headers(1, fields, end_stream=False), *frames)


def two_uploads(peer: Peer) -> None:
    """Each fits the window of its stream, and both together no window of the connection."""
    for one in (1, 3):
        peer.send(
            peer.headers(one, request_fields(b"/wait", b"POST"), end_stream=False),
            *[Data(stream_id=one, data=bytes(10_000))] * 4,
        )


def silent(*frames: Frame) -> Callable[[Peer], object]:
    """A response that never ends, and what comes meanwhile."""
    return lambda peer: peer.send(peer.headers(1, path=b"/silent"), *frames)


def raw(data: bytes) -> Callable[[Peer], object]:
    return lambda peer: peer.send(data)


def too_many_streams(peer: Peer) -> None:
    peer.send(
        *[
            peer.headers(number, request_fields(b"/echo", b"POST"), end_stream=False)
            for number in range(1, 203, 2)
        ]
    )


def trailers(fields: list[Field], *, end_stream: bool = True) -> Callable[[Peer], object]:
    def act(peer: Peer) -> None:
        peer.huffman = False
        post()(peer)
        peer.send(peer.headers(1, fields, end_stream=end_stream))

    return act


def connect(path: bytes, *frames: Frame) -> Callable[[Peer], object]:
    """A request for a tunnel, and what comes after it."""
    pseudo = {
        b":method": b"CONNECT",
        b":protocol": b"websocket",
        b":scheme": b"http",
        b":path": path,
        b":authority": b"test.example",
    }
    return lambda peer: peer.send(peer.headers(1, [*pseudo.items()], end_stream=False), *frames)


def headers_in_a_tunnel(peer: Peer) -> None:
    connect(b"/tunnel")(peer)
    peer.expect(Section)
    peer.send(peer.headers(1, [(b"x-trailer", b"1")]))


def stall(peer: Peer) -> None:
    """Windows that are never opened."""
    peer.replenish = False
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 0),)))
    peer.request(1, b"/memory/1000")


SHORT = Limits(
    preface_seconds=0.3,
    header_block_seconds=0.3,
    settings_ack_seconds=0.3,
    stall_seconds=0.3,
    content_seconds=0.3,
    check_seconds=0.1,
)
_PREFACE = r.PREFACE + Settings().serialize()
_WEBSOCKET = frozenset((b"websocket",))

OTHERS: dict[str, Refusal] = {
    "headers in a tunnel": Refusal(
        act=headers_in_a_tunnel,
        protocols=_WEBSOCKET,
        reason="stream 1: PROTOCOL_ERROR: HEADERS in a tunnel",
    ),
    "a response that looks like a tunnel": Refusal(
        act=connect(b"/"),
        protocols=_WEBSOCKET,
        reason="stream 1: INTERNAL_ERROR: 200 without a tunnel",
    ),
    # --- prefaces and time
    "another protocol": Refusal(
        act=raw(b"\x00\x00"), reason="not an HTTP/2 connection preface", handshake=False
    ),
    "a preface that breaks off": Refusal(
        act=raw(r.PREFACE[:20]), reason="no connection preface before the timeout", handshake=False,
        limits=SHORT,
    ),
    "SETTINGS that nobody acknowledges": Refusal(
        act=raw(_PREFACE), reason="SETTINGS not acknowledged before the timeout", handshake=False,
        limits=SHORT,
    ),
    "a header block that is never whole": Refusal(
        act=lambda peer: peer.send(Headers(stream_id=1, flags=0, fragment=b"\x82")),
        reason="header block not complete before the timeout", limits=SHORT,
    ),
    "half a frame": Refusal(
        act=raw(b"\0\0\x08\6\0\0\0\0\0x"),
        reason="frame not complete before the timeout",
        limits=SHORT,
    ),
    "windows that never open": Refusal(
        act=stall, reason="stream 1: CANCEL: response stalled by flow control", limits=SHORT
    ),
    "content that does not come": Refusal(
        act=post(), reason="stream 1: CANCEL: ", limits=SHORT
    ),
    # --- budgets
    "resets": Refusal(
        act=lambda peer: peer.send(
            *[one for s in range(1, 41, 2) for one in
              (peer.headers(s), RstStream(stream_id=s, code=8))]
        ),
        reason="too many streams reset", limits=Limits(resets_burst=10, resets_rate=0),
    ),
    "glitches": Refusal(
        act=lambda peer: peer.send(*[Ping(opaque=bytes(8))] * 40),
        reason="too many useless frames", limits=Limits(glitches_burst=10, glitches_rate=0),
    ),
    "SETTINGS without end": Refusal(
        act=lambda peer: peer.send(Settings(entries=((0x99, 1),) * 40)),
        reason="SETTINGS: too many entries",
    ),
    "a header block without end": Refusal(
        act=lambda peer: peer.send(
            Headers(stream_id=1, flags=0, fragment=b""), *[octets(r.CONTINUATION, 0, 1)] * 40
        ),
        reason="header block too large",
    ),
    "streams": Refusal(act=too_many_streams, reason="more than SETTINGS_MAX_CONCURRENT_STREAMS"),
    "a field section that is too large": Refusal(
        act=ask(*[(b"x-large", b"x" * 4_000)] * 20),
        reason="header section too large (431)"
    ),
    "fields without end": Refusal(
        act=lambda peer: peer.send(peer.headers(1, [*request_fields(), *[(b"a", b"")] * 1100])),
        reason="ENHANCE_YOUR_CALM: ",
    ),
    # --- requests for others
    "https": Refusal(
        act=ask(scheme=b"https"),
        reason="421: :scheme https on a connection for http, not from a trusted proxy: GET /",
    ),
    "userinfo": Refusal(
        act=authority((b":authority", b"a:1@b")), reason="400: malformed authority: GET /"
    ),
    "Host and :authority": Refusal(
        act=authority((b":authority", b"a"), (b"host", b"b")),
        reason="400: :authority and Host differ: GET /",
    ),
    "two Hosts": Refusal(
        act=authority((b"host", b"a"), (b"host", b"a")),
        reason="400: more than one Host field: GET /",
    ),
    # --- content and trailers
    "more than anybody wants": Refusal(
        act=post(*[Data(stream_id=1, data=bytes(10_000))] * 3, path=b"/"),
        reason="content too large (413)", limits=Limits(discarded_content=20_000),
    ),
    "trailers that go on": Refusal(
        act=trailers([(b"a", b"b")], end_stream=False), reason="trailers without END_STREAM"
    ),
    "trailers that are too large": Refusal(
        act=trailers([(b"a", b"b")] * 300), reason="trailers too large"
    ),
    "windows of streams": Refusal(
        act=silent(WindowUpdate(stream_id=1, increment=2**31 - 1)),
        reason="WINDOW_UPDATE: window above 2^31-1",
    ),
    "windows by SETTINGS": Refusal(
        act=silent(
            WindowUpdate(stream_id=1, increment=2**31 - 1 - 65_535),
            Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 70_000),)),
        ),
        reason="SETTINGS: a stream's window above 2^31-1",
    ),
    "a connection's window that is overrun": Refusal(
        act=two_uploads,
        reason="DATA beyond the connection's window",
        connection_window_bits=1,
    ),
    "a stream's window that is overrun": Refusal(
        act=post(*[Data(stream_id=1, data=bytes(1_000))] * 2, path=b"/wait"),
        reason="DATA beyond the stream's window",
        window_bits=10,
    ),
    "more content than was said": Refusal(
        act=post(Data(stream_id=1, data=b"abc"), length=2),
        reason="more content than content-length",
    ),
    "less content than was said": Refusal(
        act=post(Data(stream_id=1, data=b"abc", flags=r.END_STREAM), length=4),
        reason="less content than content-length",
    ),
    "a length that is none": Refusal(
        act=ask((b"content-length", b"1, 1")), reason="content-length: not a single number"
    ),
    "a length of nothing": Refusal(
        act=ask((b"content-length", b"1")), reason="content-length without content"
    ),
    # --- order
    "no SETTINGS": Refusal(
        act=raw(r.PREFACE + Ping(opaque=bytes(8)).serialize()),
        reason="first frame is not SETTINGS",
        handshake=False,
    ),
    "a stream id that was skipped": Refusal(
        act=lambda peer: peer.send(peer.headers(5), peer.headers(3)),
        reason="HEADERS on a stream id lower than the last one",
    ),
    # --- what applications refuse, and what they cannot do
    "a refusal": Refusal(act=ask(path=b"/refused"), reason="1: 403: not for you: GET /refused"),
    "a refusal that a job gives": Refusal(
        act=ask(path=b"/worked-out"), reason="1: 503: too busy: GET /worked-out"
    ),
    "given up": Refusal(act=ask(path=b"/abort"), reason="the application has given up"),
    "a job that fails": Refusal(act=ask(path=b"/raise"), reason="Failure: what a job cannot do"),
    "a body that cannot be opened": Refusal(
        act=ask(path=b"/unopened"), reason="cannot read body: [Errno 5] Input/output error"
    ),
    "a body that fails": Refusal(
        act=ask(path=b"/broken/100000"), reason="reading failed: [Errno 5] Input/output error"
    ),
    "a body that ends early": Refusal(
        act=ask(path=b"/short/100"), reason="file was truncated while it was being sent"
    ),
    "a body that is too long": Refusal(
        act=ask(path=b"/greedy"), reason="a body returned more than requested"
    ),
}  # fmt: skip

#: Reasons that only a client has.
OF_CLIENTS = [
    "the server answered with HTTP/1.1",
    "PUSH_PROMISE for a stream that is not idle", "PUSH_PROMISE on a stream that is not open",
    "PRIORITY_UPDATE from a server", ":status is missing or not a status code",
    "SETTINGS: SETTINGS_ENABLE_PUSH of 1 from a server",
    "SETTINGS: SETTINGS_ENABLE_CONNECT_PROTOCOL withdrawn",
    "SETTINGS: SETTINGS_NO_RFC7540_PRIORITIES changed",
    # RFC 8441: no site here takes a tunnel; the engine's own tests do.
    ":protocol without CONNECT or not a token", "extended CONNECT without :authority",
]  # fmt: skip


def lines(server: Serving, text: str) -> list[str]:
    """The lines of the error log that have ``text``."""
    return [line for line in server.errors().splitlines() if text in line]


def name_of(wire: Wire) -> str:
    """The peer as the error log calls it."""
    return "{}:{}".format(*wire.socket.getsockname())


@parametrize(BY_SECTION)
def test_a_violation_has_its_line(case: Case) -> None:
    with serving() as server:
        wire = Wire(server.port)
        peer = prepared(wire)
        peer.send(*case.send(peer))
        if case.stream is None:
            reason = peer.expect_goaway(case.code, case.last).debug.decode()
            expected = f"[connection] {name_of(wire)}: {case.code.name}: {reason}"
        else:
            peer.expect_reset(case.stream, case.code)
            expected = f"[stream] {name_of(wire)}: stream {case.stream}: {case.code.name}: "
        server.wait_for_error(expected)
        assert len(lines(server, name_of(wire))) == 1
        wire.close()


@pytest.mark.parametrize("name", OTHERS)
def test_a_refusal_has_its_line(name: str) -> None:
    case = OTHERS[name]
    with serving(
        TroubledSite(), limits=case.limits, protocols=case.protocols, config=case.config
    ) as server:
        wire = Wire(server.port)
        peer = Peer(wire, handshake=case.handshake)
        peer.strict = False
        case.act(peer)
        server.wait_for_error(case.reason)
        assert all(f"] {name_of(wire)}: " in line for line in lines(server, case.reason))
        wire.close()


AFTER_GOAWAY = "stream 7: opened after the final GOAWAY: not processed"


def test_a_stream_that_comes_too_late_has_its_line() -> None:
    with serving() as server:
        wire = Wire(server.port)
        peer = Peer(wire)
        peer.request(1, b"/silent")
        peer.expect_alive_with(1)
        server.in_thread(lambda: server.driver.drain(time.monotonic()))
        peer.expect(GoAway)
        peer.send(Ping(flags=r.ACK, opaque=peer.expect(Ping).opaque))
        assert peer.expect(GoAway).last_stream_id == 1
        peer.request(7)
        server.wait_for_error(f"[stream] {name_of(wire)}: {AFTER_GOAWAY}")
        wire.close()


def test_every_reason_in_the_sources_is_among_them() -> None:
    """A new one belongs into a table."""
    texts = [AFTER_GOAWAY, *OF_CLIENTS, *[one.reason for one in OTHERS.values()]]
    for case in BY_SECTION:
        peer = prepared(Mirror(alone=True))
        reports: ServerConnection = peer.mirror.connection
        reports.reports.report = lambda violation: texts.append(violation.text)
        peer.send(*case.send(peer))
        texts.append(str(reports.problem))
    modules = [
        *sorted(glob.glob("h2static/http2/*.py", root_dir=REPOSITORY)),
        "h2static/http/semantics.py",
    ]
    modules.remove("h2static/http2/responses.py")  # a client's
    reasons = reasons_in(modules)
    assert len(reasons) > 80
    missing = unseen(reasons, "\n".join(texts))
    assert missing == []
