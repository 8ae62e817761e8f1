"""Runs of DATA: the short way of a download comes to the same as the long one.

A connection that somebody watches takes the long way for each frame; the same octets go to both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.fields import Field
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.client import ClientConnection, make_endpoint
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
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from tests.http2.test_client import Script
from tests.support.receivers import Received, get
from tests.support.transports import START


class Watcher:
    """Somebody who wants to see each frame."""

    def received(self, frame: Frame) -> None: ...
    def received_fields(
        self, stream_id: int, fields: Sequence[Field], never_indexed: Sequence[int]
    ) -> None: ...
    def sent(self, frame: Frame, fields: Sequence[Field] = (), note: str = "") -> None: ...
    def stream_closed(self, stream_id: int) -> None: ...
    def violation(self, reason: str, code: int, stream_id: int) -> None: ...


class Watched(Script):
    """A connection whose frames all go the long way, or not."""

    def __init__(self, settings: LocalSettings, *, watched: bool) -> None:
        super().__init__(settings)
        self.client = ClientConnection(
            make_endpoint(settings, Limits(), Shared()), START,
            observer=Watcher() if watched else None,
        )  # fmt: skip
        self._sent = b""
        self.take()
        self.send(Settings(), Settings(flags=r.ACK))
        self.take()


@dataclass(slots=True, kw_only=True)
class Seen:
    """What a connection has come to."""

    bodies: list[bytes]
    failures: list[object]
    over: list[bool]
    frames: list[object]
    credit: dict[int, int]
    problem: str | None


def play(frames: Sequence[Frame], size: int, takes: Sequence[bool], *, watched: bool) -> Seen:
    """Two requests, and what a server answers, in pieces of ``size`` octets."""
    settings = LocalSettings(largest_stream_window=400_000, largest_connection_window=400_000)
    script = Watched(settings, watched=watched)
    receivers = [Received(takes=one) for one in takes]
    for received in receivers:
        script.client.request(get(), received)
    sent = script.take()
    octets = b"".join(one.serialize() for one in frames)
    for start in range(0, len(octets), size):
        script.client.receive(octets[start : start + size], START)
        sent += script.take()
    credit: dict[int, int] = {}
    for one in sent:
        if isinstance(one, WindowUpdate):
            credit[one.stream_id] = credit.get(one.stream_id, 0) + one.increment
    windows = [script.client.responses.content.window]
    windows += [one.window for one in script.client.streams.open.values()]
    # What was not announced yet counts as what was: how frames are put together may differ.
    credit |= {-number: one.left + one.credit for number, one in enumerate(windows)}
    return Seen(
        bodies=[one.body for one in receivers],
        failures=[one.failure and one.failure.code for one in receivers],
        over=[one.over for one in receivers],
        frames=[one for one in sent if isinstance(one, RstStream | GoAway | Ping)],
        credit=credit,
        problem=script.client.problem,
    )


def response(stream_id: int, *, length: int | None = None) -> Headers:
    # :status 200, and a length as a literal without indexing.
    block = b"\x88"
    if length is not None:
        text = str(length).encode()
        block += b"\x0f\x0d" + bytes((len(text),)) + text
    return Headers(stream_id=stream_id, flags=r.END_HEADERS, fragment=block)


STREAM = st.sampled_from((1, 1, 1, 3))
FRAME = st.one_of(
    st.builds(Data, stream_id=STREAM, data=st.integers(0, 16_384).map(bytes)),
    st.builds(Data, stream_id=STREAM, data=st.just(bytes(16_384))),
    st.builds(Data, stream_id=STREAM, data=st.just(bytes(16_384))),
    st.builds(Data, stream_id=STREAM, data=st.just(b"end"), flags=st.just(r.END_STREAM)),
    st.builds(Data, stream_id=STREAM, data=st.just(b"x" * 900), padding=st.just(9),
              flags=st.just(r.PADDED)),
    st.builds(RstStream, stream_id=STREAM, code=st.just(8)),
    st.builds(Ping, opaque=st.just(bytes(8))),
    st.builds(Headers, stream_id=STREAM, flags=st.just(r.END_HEADERS), fragment=st.just(b"\x88")),
    st.builds(Headers, stream_id=STREAM, flags=st.just(0), fragment=st.just(b"\x88")),
)  # fmt: skip


@given(
    st.lists(FRAME, max_size=40),
    st.sampled_from((None, 0, 16_384, 50_000, 10_000_000)),
    st.sampled_from((1_000_000, 100_000, 16_393, 5_000)),
    st.tuples(st.booleans(), st.booleans()),
)
def test_the_short_way_comes_to_the_same(
    frames: list[Frame], length: int | None, size: int, takes: tuple[bool, bool]
) -> None:
    start: list[Frame] = [response(1, length=length), response(3)]
    short = play([*start, *frames], size, takes, watched=False)
    long = play([*start, *frames], size, takes, watched=True)
    assert short.bodies == long.bodies
    assert (short.failures, short.over, short.problem) == (long.failures, long.over, long.problem)
    assert short.frames == long.frames


@pytest.mark.parametrize("size", [1, 16_393, 1_000_000])
def test_credit_comes_back(size: int) -> None:
    frames: list[Frame] = [response(1), response(3), *[Data(stream_id=1, data=bytes(16_384))] * 30]
    if size == 1:
        frames = frames[:4]
    seen = [play(frames, size, (True, True), watched=watched) for watched in (False, True)]
    for one in seen:
        assert one.problem is None
        # Everything was taken: what may come is at least what might come at first.
        assert one.credit[0] >= r.INITIAL_WINDOW_SIZE
        assert one.credit[-1] >= r.INITIAL_WINDOW_SIZE


def test_a_receiver_that_has_had_enough_within_a_run() -> None:
    """What came is kept, its credit is not returned, and the others go on."""
    frames: list[Frame] = [response(1), response(3), *[Data(stream_id=1, data=bytes(16_000))] * 4]
    frames += [Data(stream_id=3, data=bytes(1_000)), Data(stream_id=3, flags=r.END_STREAM)]
    for watched in (False, True):
        seen = play(frames, 1_000_000, (False, True), watched=watched)
        assert list(map(len, seen.bodies)) == [64_000, 1_000]
        assert seen.over == [False, True]
        assert 1 not in seen.credit


def test_beyond_the_window_within_a_run() -> None:
    """A stream error for the stream's window, a connection error for the connection's."""
    frames: list[Frame] = [response(1), response(3), *[Data(stream_id=1, data=bytes(16_384))] * 5]
    for watched in (False, True):
        seen = play(frames, 1_000_000, (False, True), watched=watched)
        assert RstStream(stream_id=1, code=ErrorCode.FLOW_CONTROL_ERROR) in seen.frames
        assert seen.problem is None


def test_a_receiver_that_cancels_within_a_run() -> None:
    script = Script(LocalSettings())
    received = Received()
    call = script.client.request(get(), received)
    script.take()

    def receive(data: bytes) -> bool:
        received.pieces.append(data)
        if len(received.pieces) == 3:
            call.cancel()
        return True

    received.receive = receive  # type: ignore[method-assign]  # one who acts while it is told
    script.send(response(1), *[Data(stream_id=1, data=bytes(16_000))] * 4)
    assert len(received.pieces) == 3
    assert RstStream(stream_id=1, code=ErrorCode.CANCEL) in script.take()
    script.lives_on(3)


def test_what_is_missing_of_a_frame() -> None:
    script = Script()
    script.ask()
    script.send(response(1))
    octets = Data(stream_id=1, data=bytes(1_000)).serialize()
    assert script.client.missing == 0
    script.client.receive(octets[:5], START)
    assert script.client.missing == 0
    script.client.receive(octets[5:100], START)
    assert script.client.missing == 1_009 - 100
    script.client.receive(octets[100:], START)
    assert script.client.missing == 0
