"""Requests that are read at once, and those that are left to the plain path (RFC 9113 8.1)."""

from __future__ import annotations

import pytest

from h2static.http.fields import Field
from h2static.http.shared import Shared
from h2static.http2.limits import Limits
from h2static.http2.request_reader import RequestReader
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
