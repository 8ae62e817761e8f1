"""An HTTP/3 connection: what it announces, answers, bounds, and how it ends (RFC 9114)."""

from __future__ import annotations

import pytest

from h2static.http.messages import Response
from h2static.http3.integers import decode_integer, encode_integer
from h2static.http3.limits import Limits
from h2static.http3.registry import ErrorCode as E
from tests.contracts.applications import Scripted, keep, text
from tests.http3.peer import GET, Peer, headers
from tests.support.wire_clients.http3 import frame, integer

_POST = ((b":method", b"POST"), *GET[1:])


def test_settings_are_the_first_that_is_said() -> None:
    # MAX_FIELD_SECTION_SIZE is 65 536, ENABLE_CONNECT_PROTOCOL is 1.
    settings = b"\x06\x80\x01\x00\x00" + b"\x08\x01"
    assert Peer().octets[3] == b"\x00\x04\x07" + settings
    assert Peer(connect_protocol=False).octets[3] == b"\x00\x04\x05" + settings[:5]


@pytest.mark.parametrize("memories", [True, False])
def test_the_same_octets_get_the_same_answer(memories: bool) -> None:
    """Remembered or not, and with a record of each."""
    prepared = {b"/": text(200, b"prepared", prepared=True)}
    peer = Peer(Scripted(prepared=prepared), memories=memories)
    for i in range(5):
        peer.send(4 * i, headers(), end=True)
        assert peer.octets[4 * i] == peer.octets[0]
        assert 4 * i in peer.ended
    assert peer.octets[0].endswith(frame(0, b"prepared"))
    assert peer.shared.journal is not None
    assert [record.octets for record in peer.shared.journal] == [8] * 5
    assert peer.engine.counters.requests == 5
    assert bool(peer.service.sections.known) == memories
    assert not peer.engine.open_streams


def test_sections_with_secrets_are_not_remembered() -> None:
    peer = Peer()
    for i in range(4):
        peer.send(4 * i, headers((*GET, (b"cookie", b"a=b"))), end=True)
    assert peer.service.sections.known == {}
    for i in range(4, 8):
        peer.send(4 * i, headers((*GET, (b"x", b"y"))), end=True)
    assert len(peer.service.sections.known) == 1


def test_a_date_of_another_second_is_another_response() -> None:
    peer = Peer(Scripted(prepared={b"/": text(200, b"prepared", prepared=True)}))
    peer.send(0, headers(), end=True)
    peer.shared.date.tick(784_111_778)
    peer.send(4, headers(), end=True)
    assert peer.octets[0] != peer.octets[4]


# ---------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    "section",
    [
        (*GET, *((b"x-%d" % i, b"") for i in range(300))),
        (*GET, (b"x", b"y" * 65_500)),
        (*GET, *((b"x-%d" % i, b"y" * 1_000) for i in range(200))),
    ],
    ids=["many fields", "a long field", "long fields"],
)
def test_too_large_field_sections_get_431(section: tuple[tuple[bytes, bytes], ...]) -> None:
    peer = Peer()
    peer.send(0, headers(section), end=True)
    assert peer.status(0) == 431
    assert 0 in peer.ended
    assert peer.engine.counters.limit_hits == 1
    peer.send(4, headers(), end=True)
    assert peer.status(4) == 200
    assert peer.engine.open_streams == 0


def test_a_section_is_refused_by_its_header() -> None:
    peer = Peer()
    peer.send(0, integer(1) + integer(10**9))
    assert peer.status(0) == 431


def test_the_largest_honest_section_is_answered() -> None:
    peer = Peer()
    peer.send(0, headers((*GET, *((b"x-%d" % i, b"y" * 200) for i in range(250)))), end=True)
    assert peer.status(0) == 200


def test_content_that_nobody_wants_is_declined() -> None:
    peer = Peer(Scripted(lambda exchange: exchange.respond(text(403, b"no", early=True))))
    peer.send(0, headers(_POST))
    assert peer.status(0) == 403
    piece = frame(0, bytes(60_000))
    for _ in range(18):
        peer.send(0, piece)
    assert peer.client.resets == {0: E.H3_NO_ERROR}
    assert 0 not in peer.resets
    assert peer.engine.open_streams == 0


def test_resets_without_end_are_too_many() -> None:
    peer = Peer(Scripted(keep), limits=Limits(resets_burst=20, resets_rate=0))
    for i in range(21):
        # Nothing of it is sent before the rest: a client that is slower is asked to leave.
        peer.client.send(4 * i, headers())
        for data, path in peer.client.datagrams_to_send(peer.now):
            peer.quic.receive_datagram(data, path, peer.now)
        peer.client.reset(4 * i, E.H3_REQUEST_CANCELLED)
    peer.settle()
    assert peer.closed is not None
    assert peer.closed[0] == E.H3_EXCESSIVE_LOAD
    assert peer.engine.open_streams == 0


def test_a_client_that_resets_much_is_asked_to_leave() -> None:
    peer = Peer(Scripted(keep), limits=Limits(resets_burst=20, resets_rate=0))
    for i in range(17):
        peer.send(4 * i, headers())
        peer.client.reset(4 * i, E.H3_REQUEST_CANCELLED)
        peer.settle()
    assert peer.closed == (E.H3_NO_ERROR, "")


def test_a_page_of_resets_is_not() -> None:
    peer = Peer(Scripted(keep))
    for i in range(200):
        peer.send(4 * i, headers())
        peer.client.reset(4 * i, E.H3_REQUEST_CANCELLED)
        peer.settle()
    assert peer.lives()
    assert peer.engine.counters.resets == 200
    assert peer.resets[0] == E.H3_REQUEST_CANCELLED


@pytest.mark.parametrize(
    "octets", [frame(0x21, b""), frame(0, b""), frame(0, b"x")], ids=["unknown", "empty", "tiny"]
)
def test_frames_without_use_are_too_many(octets: bytes) -> None:
    application = Scripted()
    application.behaviours = application.swallow
    peer = Peer(application, limits=Limits(glitches_burst=100, glitches_rate=0))
    peer.send(0, headers(_POST))
    peer.send(0, octets * 60)
    assert peer.lives()
    peer.send(0, octets * 60)
    assert peer.closed is not None
    assert peer.closed[0] == E.H3_EXCESSIVE_LOAD


def test_priorities_of_streams_to_come_are_bounded() -> None:
    peer = Peer(Scripted(keep), limits=Limits(pending_priorities=2))
    for i in range(3):
        peer.send(2, frame(0xF0700, integer(4 * i) + b"u=0"))
    for i in range(3):
        peer.send(4 * i, headers(), end=True)
    assert [exchange.urgency for exchange in peer.application.handled] == [0, 0, 3]  # type: ignore[attr-defined]  # streams are exchanges


# ---------------------------------------------------------------------- priorities


def test_the_urgent_goes_first() -> None:
    """RFC 9218: by the field, and by PRIORITY_UPDATE for a stream that is open."""
    application = Scripted(
        lambda exchange: exchange.respond(Response(status=200, fields=(), body=bytes(40_000)))
    )
    peer = Peer(application)
    # Nothing is read until all have asked: the fake's room is 64 KiB.
    for stream_id, priority in ((0, b"u=5"), (4, b"u=1"), (8, b"u=3")):
        peer.client.send(stream_id, headers((*GET, (b"priority", priority))), end=True)
    up = b"".join(data for data, _ in peer.client.datagrams_to_send(peer.now))
    peer.quic.receive_datagram(up, peer.quic.path, peer.now)
    peer.engine.receive(peer.now)
    peer.engine.pump(peer.now, 40_000)
    down = b"".join(data for data, _ in peer.quic.datagrams_to_send(peer.now))
    peer.client.receive_datagram(down, peer.quic.path, peer.now)
    got: dict[int, int] = {}
    while (event := peer.client.next_event()) is not None:
        stream_id = getattr(event, "stream_id", 3)
        got[stream_id] = got.get(stream_id, 0) + len(getattr(event, "data", b""))
    assert got[4] >= 40_000
    assert got.get(0, 0) < 1_000
    assert got.get(8, 0) < 1_000


# ---------------------------------------------------------------------- time and the end


def test_a_client_that_says_nothing_is_given_up() -> None:
    peer = Peer(settings=b"")
    peer.wait(9)
    assert peer.lives()
    peer.wait(2)
    assert peer.closed is not None
    assert peer.closed[0] == E.H3_MISSING_SETTINGS


def test_half_a_field_section_is_given_up() -> None:
    peer = Peer()
    peer.send(0, headers()[:-1])
    peer.wait(9)
    assert not peer.resets
    peer.wait(2)
    assert peer.resets == {0: E.H3_EXCESSIVE_LOAD}
    assert peer.lives()


def test_an_idle_connection_ends_in_two_steps() -> None:
    peer = Peer()
    peer.send(0, headers(), end=True)
    peer.wait(179)
    assert peer.lives()
    peer.wait(2)
    assert peer.closed == (E.H3_NO_ERROR, "")
    goaways = peer.octets[3].split(b"\x04\x07", 1)[1][7:]
    assert goaways == frame(7, integer(2**62 - 4)) + frame(7, integer(4))


def test_a_client_that_is_gone_does_not_hold_up_the_end() -> None:
    """It acknowledges nothing any more; who does so is waited for."""
    peer = Peer()
    peer.acknowledges = False
    peer.send(0, headers(), end=True)
    peer.engine.drain(peer.now)
    peer.settle()
    for _ in range(5):
        peer.wait(2)
        assert peer.lives()
        peer.quic.acknowledge(1)
    peer.wait(5)
    assert peer.closed == (E.H3_NO_ERROR, "")


def test_requests_after_the_final_goaway_are_rejected() -> None:
    application = Scripted({b"/": keep})
    peer = Peer(application)
    peer.send(0, headers(), end=True)
    peer.engine.drain(peer.now)
    peer.settle()
    peer.send(4, headers((*GET[:3], (b":path", b"/late"))), end=True)
    assert peer.resets == {4: E.H3_REQUEST_REJECTED}
    assert len(application.handled) == 1
    application.handled[0].respond(text(200, b"kept"))
    peer.settle()
    assert peer.status(0) == 200
    assert peer.closed == (E.H3_NO_ERROR, "")


def test_the_client_stops_reading_a_response() -> None:
    lost: list[str] = []
    application = Scripted(keep)
    peer = Peer(application)
    peer.send(0, headers(), end=True)
    application.handled[0].when_lost(lambda: lost.append("lost"))
    peer.client.stop(0, E.H3_REQUEST_CANCELLED)
    peer.settle()
    assert lost == ["lost"]
    assert peer.engine.open_streams == 0
    assert peer.engine.counters.resets == 1
    assert peer.lives()


@pytest.mark.parametrize("value", [0, 63, 64, 16_383, 16_384, 2**30 - 1, 2**30, 2**62 - 1])
def test_integers(value: int) -> None:
    octets = encode_integer(value)
    assert octets == integer(value)
    assert decode_integer(octets, 0) == (value, len(octets))
    for end in range(len(octets)):
        assert decode_integer(octets[:end], 0) is None


def test_integers_of_more_than_62_bits() -> None:
    with pytest.raises(ValueError, match="62 bits"):
        encode_integer(2**62)
