"""What expectations keep of what a server sends has limits."""

from __future__ import annotations

import pytest

from h2static.client import ClientError
from h2static.h2get.watch import Capture
from h2static.http2.frames import Data, Ping, Unknown


def test_content_has_a_limit() -> None:
    capture = Capture(content=10)
    for octets in (b"x" * 6, b"y" * 4, b"z"):
        capture.received(Data(stream_id=1, data=octets))
    kept = [frame.values.get("data") for frame in capture.frames]
    assert kept == [b"x" * 6, b"y" * 4, None]
    assert [frame.length for frame in capture.frames] == [6, 4, 1]


def test_frames_have_a_limit() -> None:
    capture = Capture(frames=3)
    for _ in range(3):
        capture.received(Ping(opaque=bytes(8)))
    with pytest.raises(ClientError, match="more than 3 frames"):
        capture.received(Ping(opaque=bytes(8)))
    assert len(capture.frames) == 3


def test_other_payloads_have_a_limit() -> None:
    capture = Capture(other=2 * (9 + 100))
    for _ in range(2):
        capture.received(Unknown(frame_type=0xFA, stream_id=1, flags=0, payload=bytes(100)))
    capture.received(Data(stream_id=1, data=bytes(1_000)))
    with pytest.raises(ClientError, match="more than 218 octets besides content"):
        capture.received(Ping(opaque=bytes(8)))
    assert len(capture.frames) == 3
