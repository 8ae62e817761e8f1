"""QIF text, files of records, parameters in names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.qpack.tools.interop import (
    BadSection,
    Parameters,
    Record,
    Section,
    parameters_of,
    qif_of,
    read_qif,
    read_records,
)
from hpacktools.stories import UnusableError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("netbsd.out.4096.100.1", (4096, 100, True)),
        ("/a/b.1.2.0/fb-req.qif.ats.512.0.0", (512, 0, False)),
        ("netbsd.out.512.100.0-with-dup", (512, 100, False)),
        ("netbsd.qif", None),
        ("a.out.4096.100.2", None),
        ("a.out.4096.100.1.gz", None),
        ("a.out.٤.1.1", None),
        ("-", None),
    ],
)
def test_parameters(name: str, expected: tuple[int, int, bool] | None) -> None:
    found = parameters_of(name)
    if expected is None:
        assert found is None
        return
    capacity, blocked, ack = expected
    assert found == Parameters(capacity=capacity, blocked_streams=blocked, acknowledges=ack)


def test_qif() -> None:
    text = b"# a comment\n\n\n:path\t/\r\nx\ta\tb\n# inside\ny\t\n\n\n\nno tab\nz\t1\n\nlast\t\xff"
    assert list(read_qif(text.splitlines(keepends=True))) == [
        Section(number=1, fields=((b":path", b"/"), (b"x", b"a\tb"), (b"y", b""))),
        BadSection(number=2, line=11, reason="missing TAB after the name"),
        Section(number=3, fields=((b"last", b"\xff"),)),
    ]


octets = st.binary(max_size=6)


@given(
    st.lists(st.lists(st.tuples(octets, octets), min_size=1, max_size=4), min_size=1, max_size=4)
)
def test_qif_round_trip(many: list[list[tuple[bytes, bytes]]]) -> None:
    """What cannot be written is refused, never written as something else."""
    written = b""
    expected = []
    for fields in many:
        try:
            written += qif_of(7, fields)
        except ValueError:
            continue
        expected.append(tuple(fields))
    # Not splitlines(), which knows more ends of lines than a file has.
    lines = [line + b"\n" for line in written.split(b"\n")]
    found = list(read_qif(lines))
    assert [section.fields for section in found if isinstance(section, Section)] == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    "field", [(b"#a", b""), (b"a\tb", b""), (b"a\n", b""), (b"a", b"\n"), (b"a", b"b\r")]
)
def test_not_qif(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="QIF text cannot represent"):
        qif_of(1, [field])


@given(st.lists(st.tuples(st.integers(0, 2**62 - 1), st.binary(max_size=20)), max_size=5))
def test_records(many: list[tuple[int, bytes]]) -> None:
    records = [Record(stream_id=stream_id, payload=payload) for stream_id, payload in many]
    written = b"".join(record.octets() for record in records)
    assert list(read_records(written)) == records


def test_golden_record() -> None:
    record = Record(stream_id=0x0102, payload=b"ab")
    assert record.octets().hex() == "0000000000000102" + "00000002" + "6162"


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (5, "record 2 (octet 13) is truncated: 5 of 12 header octets present"),
        (13, "record 2 (octet 13) is truncated: 1 of 2 octets present"),
    ],
)
def test_cut_records(cut: int, reason: str) -> None:
    first = Record(stream_id=0, payload=b"a").octets()
    second = Record(stream_id=1, payload=b"bc").octets()
    reader = read_records(first + second[:cut])
    assert next(reader).payload == b"a"
    with pytest.raises(UnusableError) as caught:
        next(reader)
    assert str(caught.value) == reason


def test_stream_ids_have_62_bits() -> None:
    with pytest.raises(UnusableError, match=r"octet 0\) has the stream ID 4611686018427387904"):
        list(read_records(Record(stream_id=2**62, payload=b"").octets()))
