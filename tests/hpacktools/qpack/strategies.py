"""What QPACK tests draw: fields, settings, cuts."""

from __future__ import annotations

from hypothesis import strategies as st

from hpacktools.codec import Representation
from hpacktools.qpack import STATIC_TABLE

#: A field as an encoder is given it.
Line = tuple[bytes, bytes, Representation]

#: Few names and values, so that they come again; static ones among them, and one that is large.
names = st.sampled_from(
    [b":path", b":status", b"cookie", b"x", b"custom-key", b"accept", b"", b"x-" + b"n" * 60]
)
values = st.one_of(
    st.sampled_from([b"", b"/", b"1", b"2", b"3", b"200", b"value", b"\xff\x00", b"v" * 90]),
    st.binary(max_size=12),
)
wishes = st.sampled_from(
    [Representation.WITH_INDEXING] * 4
    + [Representation.WITHOUT_INDEXING, Representation.NEVER_INDEXED]
)
lines: st.SearchStrategy[Line] = st.one_of(
    st.tuples(names, values, wishes),
    st.builds(lambda field, wish: (*field, wish), st.sampled_from(STATIC_TABLE), wishes),
)
sections = st.lists(lines, max_size=6)
capacities = st.sampled_from([0, 31, 32, 33, 64, 100, 220, 500, 4096])
blocked = st.sampled_from([0, 1, 2, 100])


def pieces(octets: bytes, size: int) -> list[bytes]:
    """``octets`` in pieces of ``size``; an empty one where there are none."""
    return [octets[start : start + size] for start in range(0, len(octets), size)] or [b""]
