"""``h2static.http2.frames``: golden octets, read and written."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http2 import registry as r
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.frames import (
    PARSERS,
    AltSvc,
    Continuation,
    Data,
    Frame,
    GoAway,
    Headers,
    Origin,
    Ping,
    Priority,
    PriorityFields,
    PriorityUpdate,
    PushPromise,
    RstStream,
    Settings,
    Unknown,
    WindowUpdate,
    frame_head,
    parse,
    unpack_header,
)

#: Octets as RFC 9113 section 6 and the extensions lay them out, and what they are.
GOLDEN: list[tuple[str, str, Frame]] = [
    (
        "DATA",
        "000005 00 00 00000001 68656c6c6f",
        Data(stream_id=1, data=b"hello"),
    ),
    ("DATA, empty end", "000000 00 01 7fffffff", Data(stream_id=2**31 - 1, flags=1)),
    (
        "DATA, padded",
        "000006 00 09 00000003 02 616263 0000",
        Data(stream_id=3, flags=9, data=b"abc", padding=3),
    ),
    (
        "DATA, Pad Length 0",
        "000002 00 08 00000003 00 61",
        Data(stream_id=3, flags=8, data=b"a", padding=1),
    ),
    (
        "HEADERS",
        "000003 01 05 00000001 828684",
        Headers(stream_id=1, flags=5, fragment=b"\x82\x86\x84"),
    ),
    (
        "HEADERS, priority",
        "000006 01 25 00000005 80000003 ff 82",
        Headers(
            stream_id=5,
            flags=0x25,
            fragment=b"\x82",
            priority=PriorityFields(dependency=3, weight=256, exclusive=True),
        ),
    ),
    (
        "HEADERS, padded with priority",
        "000009 01 2c 00000005 02 00000000 0f 82 0000",
        Headers(
            stream_id=5,
            flags=0x2C,
            fragment=b"\x82",
            padding=3,
            priority=PriorityFields(dependency=0, weight=16, exclusive=False),
        ),
    ),
    (
        "PRIORITY",
        "000005 02 00 00000007 0000000b 00",
        Priority(stream_id=7, priority=PriorityFields(dependency=11, weight=1, exclusive=False)),
    ),
    ("RST_STREAM", "000004 03 00 00000001 00000008", RstStream(stream_id=1, code=8)),
    (
        "RST_STREAM, a code that nobody knows",
        "000004 03 00 00000001 ffffffff",
        RstStream(stream_id=1, code=2**32 - 1),
    ),
    ("SETTINGS, empty", "000000 04 00 00000000", Settings()),
    ("SETTINGS, ACK", "000000 04 01 00000000", Settings(flags=1)),
    (
        "SETTINGS, with repetition",
        "000012 04 00 00000000 0003 00000064 0004 0000ffff 0003 00000001",
        Settings(entries=((3, 100), (4, 65_535), (3, 1))),
    ),
    (
        "PUSH_PROMISE",
        "000005 05 04 00000001 00000002 82",
        PushPromise(stream_id=1, flags=4, promised_stream_id=2, fragment=b"\x82"),
    ),
    (
        "PUSH_PROMISE, padded",
        "000007 05 0c 00000001 01 00000002 82 00",
        PushPromise(stream_id=1, flags=12, promised_stream_id=2, fragment=b"\x82", padding=2),
    ),
    ("PING", "000008 06 00 00000000 3132333435363738", Ping(opaque=b"12345678")),
    ("PING, ACK", "000008 06 01 00000000 0000000000000000", Ping(flags=1)),
    (
        "GOAWAY",
        "00000b 07 00 00000000 7fffffff 0000000b 62 79 65",
        GoAway(last_stream_id=2**31 - 1, code=11, debug=b"bye"),
    ),
    (
        "WINDOW_UPDATE",
        "000004 08 00 00000000 7fffffff",
        WindowUpdate(stream_id=0, increment=2**31 - 1),
    ),
    (
        "CONTINUATION",
        "000002 09 04 00000001 8286",
        Continuation(stream_id=1, flags=4, fragment=b"\x82\x86"),
    ),
    (
        "ALTSVC",
        "000009 0a 00 00000000 0003 612e62 68323d22",
        AltSvc(origin=b"a.b", value=b'h2="'),
    ),
    (
        "ORIGIN",
        "000008 0c 00 00000000 0001 61 0003 622e63",
        Origin(origins=(b"a", b"b.c")),
    ),
    (
        "PRIORITY_UPDATE",
        "000007 10 00 00000000 00000005 753d31",
        PriorityUpdate(prioritized_stream_id=5, value=b"u=1"),
    ),
    (
        "unknown",
        "000003 fe ff 00000009 616263",
        Unknown(frame_type=0xFE, stream_id=9, flags=0xFF, payload=b"abc"),
    ),
]


def read(octets: bytes) -> Frame:
    """The one frame that ``octets`` are."""
    length_type, flags, stream_id = unpack_header(octets, 0)
    assert length_type >> 8 == len(octets) - 9
    return parse(length_type & 0xFF, flags, stream_id, octets[9:])


@pytest.mark.parametrize(("octets", "frame"), [g[1:] for g in GOLDEN], ids=[g[0] for g in GOLDEN])
def test_golden_octets(octets: str, frame: Frame) -> None:
    whole = bytes.fromhex(octets)
    assert read(whole) == frame
    assert frame.serialize() == whole


def test_every_parser_has_golden_octets() -> None:
    assert {bytes.fromhex(octets)[3] for _, octets, _ in GOLDEN} == {*PARSERS, 0xFE}
    assert set(PARSERS) == set(r.FRAME_NAMES)


def test_a_head_is_a_frame_without_its_stream() -> None:
    assert frame_head(16_384, r.DATA, 1) + b"\0\0\0\5" == bytes.fromhex("004000 00 01 00000005")


@pytest.mark.parametrize("frame_type", [r.ALTSVC, r.ORIGIN])
@pytest.mark.parametrize("payload", [b"\x00", b"\x00\x05abc", b"\xff\xff"])
def test_malformed_frames_that_are_ignored_anyway(frame_type: int, payload: bytes) -> None:
    """They are shown as they are."""
    frame = parse(frame_type, 0, 0, payload)
    assert frame == Unknown(frame_type=frame_type, stream_id=0, payload=payload)


@given(
    frame_type=st.integers(0, 255),
    flags=st.integers(0, 255),
    stream_id=st.integers(0, 2**31 - 1),
    payload=st.binary(max_size=40),
)
def test_any_payload_is_a_frame_or_a_violation(
    frame_type: int, flags: int, stream_id: int, payload: bytes
) -> None:
    """Nothing else is raised, and what was read says the same when it is written."""
    frame: Frame | None = None
    with contextlib.suppress(StreamViolation, ConnectionViolation):
        frame = parse(frame_type, flags, stream_id, payload)
    if frame is not None:
        assert read(frame.serialize()) == frame


def test_usual_settings_are_parsed_once() -> None:
    """Clients of one kind begin with the same frame; whoever sends a long one pays for it."""
    usual = Settings(entries=((3, 100), (4, 65_535))).serialize()[9:]
    first = parse(r.SETTINGS, 0, 0, usual)
    assert first == Settings(entries=((3, 100), (4, 65_535)))
    assert parse(r.SETTINGS, 0, 0, usual) is first
    long = usual * 6
    assert parse(r.SETTINGS, 0, 0, long) == Settings(entries=((3, 100), (4, 65_535)) * 6)
    assert parse(r.SETTINGS, 0, 0, long) is not parse(r.SETTINGS, 0, 0, long)
    for _ in range(2):
        with pytest.raises(ConnectionViolation):
            parse(r.SETTINGS, 0, 1, usual)
        with pytest.raises(ConnectionViolation):
            parse(r.SETTINGS, 0, 0, usual[1:])
