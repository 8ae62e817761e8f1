"""Requests that are read at once, and those that are left to the plain path (RFC 9113 8.1)."""

from __future__ import annotations

import pytest

from h2static.http.fields import Field
from h2static.http.messages import Client
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.frames import Headers, Settings, WindowUpdate
from h2static.http2.limits import Limits
from h2static.http2.request_reader import RequestReader
from h2static.http2.server import ServerConnection
from h2static.http2.service import Service, make_service
from h2static.http2.settings import LocalSettings
from hpacktools.codec import Encoder, Representation
from tests.support.peer import request_fields
from tests.support.small_site import SmallSite


@pytest.fixture
def service() -> Service:
    return make_service(SmallSite(), LocalSettings(), Limits(), Shared())


def _block(encoder: Encoder, path: bytes, *more: Field) -> bytes:
    fields = [*request_fields(path), (b"user-agent", b"a browser"), *more]
    return encoder.encode([(*field, Representation.WITH_INDEXING) for field in fields])


def test_requests_that_differ_in_their_paths(service: Service) -> None:
    reader, encoder = RequestReader(service), Encoder()
    state = service.sections.start(4_096)
    fields = set()
    for number in range(3):
        path = b"/%d" % number
        known = reader.read(state, _block(encoder, path, (b"cookie", b"id=1")))
        assert known is not None
        assert known.request.path == path
        assert not known.request.repeats
        fields.add(id(known.request.fields))
        state = known.state or state
    assert len(fields) == 1


def test_what_was_read_is_found_once(service: Service) -> None:
    reader = RequestReader(service)
    state = service.sections.start(4_096)
    block = _block(Encoder(), b"/", (b"cookie", b"id=1"))
    assert reader.find(state, block) is None
    known = reader.read(state, block)
    assert known is not None
    assert known.state is not None
    assert reader.find(known.state, block) is None
    assert reader.find(state, block + b"\x82") is None
    assert reader.find(state, block) is known
    assert reader.find(state, block) is None
    assert not known.request.repeats


def test_what_is_known_is_found_again_and_again(service: Service) -> None:
    reader = RequestReader(service)
    encoder = Encoder()
    state = service.sections.start(4_096)
    first = reader.read(state, _block(encoder, b"/"))
    assert first is not None
    state = first.state or state
    # Everything is indexed now, so that the state stays.
    block = _block(encoder, b"/")
    for _ in range(2):
        assert reader.read(state, block) is not None
    (state,) = [one for one in service.sections._states.values() if block in one.known]
    for _ in range(2):
        known = reader.find(state, block)
        assert known is not None
        assert known.request.repeats


@pytest.mark.parametrize(
    "more",
    [
        [(b"Upper", b"")],
        [(b"connection", b"close")],
        [(b"content-length", b"1")],
        [(b"host", b"other.example")],
        [(b"x", b"y" * 70_000)],
        [(b"x", b"")] * 300,
        [(b"x", b"")] * 2_000,
    ],
)
def test_what_is_left_to_the_plain_path(service: Service, more: list[Field]) -> None:
    reader = RequestReader(service)
    state = service.sections.start(4_096)
    block = _block(Encoder(), b"/", *more)
    assert reader.read(state, block) is None
    assert reader.find(state, block) is None


def test_octets_that_are_no_block(service: Service) -> None:
    state = service.sections.start(4_096)
    assert RequestReader(service).read(state, b"\x82\xff") is None
    assert RequestReader(service).read(state, b"\x80") is None


# ---------------------------------------------------------------------- within a connection


def _connection(service: Service) -> ServerConnection:
    client = Client(host="192.0.2.7", version="HTTP/2.0")
    one = ServerConnection(service, client, 0.0)
    window = WindowUpdate(stream_id=0, increment=10_000_000).serialize()
    opening = Settings().serialize() + Settings(flags=r.ACK).serialize() + window
    one.receive(r.PREFACE + opening, 0.0)
    return one


def _request(stream_id: int, block: bytes) -> bytes:
    flags = r.END_STREAM | r.END_HEADERS
    return Headers(stream_id=stream_id, flags=flags, fragment=block).serialize()


def test_new_requests_are_work_of_a_turn(service: Service) -> None:
    """However many come at once, other connections get their turns in between."""
    one, encoder = _connection(service), Encoder()
    blocks = [_block(encoder, b"/memory/1?%d" % number) for number in range(90)]
    one.receive(b"".join(_request(2 * at + 1, block) for at, block in enumerate(blocks)), 0.0)
    answered = []
    while True:
        answered.append(one.counters.requests)
        assert one.problem is None
        if not one.backlog:
            break
        one.take_turn(0.0)
    work = [1 + (len(block) >> 4) for block in blocks]
    assert answered[0] < 90
    assert sum(work[: answered[0] - 1]) < 100 <= sum(work[: answered[0]])
    assert answered[-1] == 90


def test_a_large_request_that_is_left_to_the_plain_path(service: Service) -> None:
    """It is more work than a turn has, and its response more than the window."""
    # From now on the application recalls the response.
    _connection(service).receive(_request(1, _block(Encoder(), b"/memory/100000")), 0.0)
    one, encoder = _connection(service), Encoder()
    crumbs = [(b"x-%d" % number, b"y" * 40) for number in range(120)]
    # With a cookie, nothing of it is remembered for the next turn.
    block = _block(encoder, b"/memory/100000", (b"cookie", b"id=1"), *crumbs)
    assert len(block) >> 4 > 100
    one.receive(_request(1, block), 0.0)
    turns = 0
    while one.backlog:
        one.take_turn(0.0)
        turns += 1
        assert turns < 5
    assert one.counters.requests == 1
    assert one.open_streams == 1
