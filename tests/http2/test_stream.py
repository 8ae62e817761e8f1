"""``h2static.http2.stream``: the table of RFC 9113 section 5.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.bodies import Body, Sink
from h2static.http.exchange import Job
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response
from h2static.http2.errors import ConnectionViolation, Misuse, StreamViolation
from h2static.http2.registry import ErrorCode
from h2static.http2.stream import TRANSITIONS, Input, State, Stream, step
from h2static.http2.windows import ReceiveWindow

_I, _S = Input, State
_RECEIVED = [i for i in Input if i.name.startswith("RECEIVE")]

#: RFC 9113 section 5.1, figure 2 and the text below it: what a peer may send, and what follows.
LEGAL = {
    (_S.IDLE, _I.RECEIVE_HEADERS): _S.OPEN,
    (_S.RESERVED_LOCAL, _I.RECEIVE_WINDOW_UPDATE): _S.RESERVED_LOCAL,
    (_S.RESERVED_LOCAL, _I.RECEIVE_RST_STREAM): _S.CLOSED,
    (_S.OPEN, _I.RECEIVE_HEADERS): _S.OPEN,
    (_S.OPEN, _I.RECEIVE_DATA): _S.OPEN,
    (_S.OPEN, _I.RECEIVE_END_STREAM): _S.HALF_CLOSED_REMOTE,
    (_S.OPEN, _I.RECEIVE_WINDOW_UPDATE): _S.OPEN,
    (_S.OPEN, _I.RECEIVE_RST_STREAM): _S.CLOSED,
    (_S.HALF_CLOSED_LOCAL, _I.RECEIVE_HEADERS): _S.HALF_CLOSED_LOCAL,
    (_S.HALF_CLOSED_LOCAL, _I.RECEIVE_DATA): _S.HALF_CLOSED_LOCAL,
    (_S.HALF_CLOSED_LOCAL, _I.RECEIVE_END_STREAM): _S.CLOSED,
    (_S.HALF_CLOSED_LOCAL, _I.RECEIVE_WINDOW_UPDATE): _S.HALF_CLOSED_LOCAL,
    (_S.HALF_CLOSED_LOCAL, _I.RECEIVE_RST_STREAM): _S.CLOSED,
    (_S.HALF_CLOSED_REMOTE, _I.RECEIVE_WINDOW_UPDATE): _S.HALF_CLOSED_REMOTE,
    (_S.HALF_CLOSED_REMOTE, _I.RECEIVE_RST_STREAM): _S.CLOSED,
    (_S.CLOSED, _I.RECEIVE_WINDOW_UPDATE): _S.CLOSED,
    (_S.CLOSED, _I.RECEIVE_RST_STREAM): _S.CLOSED,
    (_S.IDLE, _I.RECEIVE_PUSH_PROMISE): _S.RESERVED_REMOTE,
    (_S.RESERVED_REMOTE, _I.RECEIVE_HEADERS): _S.HALF_CLOSED_LOCAL,
    (_S.RESERVED_REMOTE, _I.RECEIVE_RST_STREAM): _S.CLOSED,
}

#: What we may send, and what follows.
OURS = {
    (_S.IDLE, _I.SEND_PUSH_PROMISE): _S.RESERVED_LOCAL,
    (_S.IDLE, _I.SEND_HEADERS): _S.OPEN,
    (_S.RESERVED_LOCAL, _I.SEND_HEADERS): _S.HALF_CLOSED_REMOTE,
    (_S.OPEN, _I.SEND_HEADERS): _S.OPEN,
    (_S.HALF_CLOSED_REMOTE, _I.SEND_HEADERS): _S.HALF_CLOSED_REMOTE,
    (_S.OPEN, _I.SEND_END_STREAM): _S.HALF_CLOSED_LOCAL,
    (_S.HALF_CLOSED_REMOTE, _I.SEND_END_STREAM): _S.CLOSED,
}


@pytest.mark.parametrize("event", _RECEIVED)
@pytest.mark.parametrize("state", State)
def test_every_frame_in_every_state(state: State, event: Input) -> None:
    legal = LEGAL.get((state, event))
    if legal is not None:
        assert step(state, event, 1) is legal
        return
    if event in (Input.RECEIVE_END_STREAM, Input.RECEIVE_PUSH_PROMISE):
        # It never comes but with a frame that was legal, or for another stream.
        with pytest.raises(Misuse):
            step(state, event, 1)
        return
    with pytest.raises((ConnectionViolation, StreamViolation)) as caught:
        step(state, event, 1)
    violation = caught.value
    match state:
        case State.IDLE | State.RESERVED_LOCAL | State.RESERVED_REMOTE:
            assert isinstance(violation, ConnectionViolation)
            assert violation.code == ErrorCode.PROTOCOL_ERROR
        case State.HALF_CLOSED_REMOTE:
            assert isinstance(violation, StreamViolation)
            assert (violation.stream_id, violation.code) == (1, ErrorCode.STREAM_CLOSED)
        case State.CLOSED:
            assert isinstance(violation, ConnectionViolation)
            assert violation.code == ErrorCode.STREAM_CLOSED
        case _:
            pytest.fail(f"{event.name} is legal in {state.name}")


@pytest.mark.parametrize(("state", "event"), OURS)
def test_what_we_send(state: State, event: Input) -> None:
    assert step(state, event, 1) is OURS[state, event]


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.IDLE, Input.SEND_END_STREAM),
        (State.RESERVED_REMOTE, Input.SEND_HEADERS),
        (State.OPEN, Input.SEND_PUSH_PROMISE),
        (State.HALF_CLOSED_LOCAL, Input.SEND_HEADERS),
        (State.HALF_CLOSED_LOCAL, Input.SEND_END_STREAM),
        (State.CLOSED, Input.SEND_HEADERS),
    ],
)
def test_what_we_must_not_send_is_our_misuse(state: State, event: Input) -> None:
    with pytest.raises(Misuse, match=event.name):
        step(state, event, 1)


def test_no_state_is_missing_and_no_row_too_many() -> None:
    assert set(TRANSITIONS) == set(State)
    ours = {
        (state, event): outcome
        for state, row in TRANSITIONS.items()
        for event, outcome in row.items()
        if event not in _RECEIVED
    }
    assert ours == OURS


class Owner:
    """Nobody asks anything of these streams."""

    client = Client(version="HTTP/2.0")

    def respond(self, stream: Stream, response: Response) -> None:
        raise AssertionError

    def inform(self, stream: Stream, status: int, fields: Fields) -> None:
        raise AssertionError

    def accept(self, stream: Stream, sink: Sink) -> None:
        raise AssertionError

    def resume(self, stream: Stream) -> None:
        raise AssertionError

    def work(self, stream: Stream, job: Job) -> None:
        raise AssertionError

    def abort(self, stream: Stream, reason: str) -> None:
        raise AssertionError

    def tunnel(self, stream: Stream, sink: Sink, body: Body, fields: Fields) -> None:
        raise AssertionError

    def may_push(self, stream: Stream) -> bool:
        raise AssertionError

    def push(self, stream: Stream, request: Request) -> None:
        raise AssertionError


@given(st.lists(st.sampled_from(Input), max_size=30))
def test_any_sequence_of_inputs(inputs: list[Input]) -> None:
    """A stream is in a state of the table, or the violation says what is wrong; closed is final."""
    request = Request(method=b"GET", scheme=b"http", authority=b"", path=b"/", fields=())
    stream = Stream(1, request, Owner(), send_window=1, window=ReceiveWindow(1, 1), now=0.0)
    for event in inputs:
        before = stream.state
        try:
            stream.advance(event)
        except (ConnectionViolation, StreamViolation, Misuse):
            assert stream.state is before
        else:
            assert stream.state is TRANSITIONS[before][event]
        if before is State.CLOSED:
            assert stream.state is State.CLOSED
        if before is not State.IDLE:
            assert stream.state is not State.IDLE
    stream.release()
    stream.release()
