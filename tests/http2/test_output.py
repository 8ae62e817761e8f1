"""``h2static.http2.output``: what was appended is sent, in order, however little at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http2.output import Output


def pending(output: Output) -> bytes:
    """All octets that wait."""
    return b"".join(output.pieces)


@given(
    steps=st.lists(
        st.one_of(st.binary(max_size=20), st.booleans(), st.integers(1, 30)), max_size=60
    )
)
def test_short_writes(steps: list[bytes | bool | int]) -> None:
    """Octets: append; a truth value: a stream ends here; a number: so much was sent."""
    output = Output()
    appended = b""
    sent = 0
    ends: list[int] = []
    for step in steps:
        match step:
            case bytes():
                output.append(step)
                appended += step
            case bool():
                output.ends.append(output.octets)
                ends.append(len(appended))
            case int():
                count = min(step, len(output))
                if count:
                    output.advance(count)
                    sent += count
                    ends = [end for end in ends if end > sent]
        assert len(output) == len(appended) - sent
        assert pending(output) == appended[sent:]
        if len(output):
            assert len(output.ends) == len(ends)


def test_everything_at_once() -> None:
    output = Output()
    output.append(b"abc")
    output.ends.append(output.octets)
    output.append(b"def")
    output.advance(6)
    assert (len(output), output.octets, output.sent, output.ends) == (0, 0, 0, [])


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_stream_counts_until_its_last_octet_is_sent(cut: int) -> None:
    output = Output()
    output.append(b"abc")
    output.ends.append(output.octets)
    output.append(b"def")
    output.ends.append(output.octets)
    output.advance(cut)
    assert len(output.ends) == (2 if cut < 3 else 1)


def test_clear_forgets_everything() -> None:
    output = Output()
    output.append(b"abc")
    output.ends.append(3)
    output.advance(1)
    output.clear()
    assert (len(output), pending(output), output.ends) == (0, b"", [])
