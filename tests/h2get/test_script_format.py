"""The format of scripts: words to octets, frames to lines and back, patterns and their matches."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.h2get.script import frames, words
from h2static.h2get.script.build import Reader, Writer, values_of
from h2static.h2get.script.match import contradicts, matches
from h2static.h2get.script.model import (
    Expect,
    Never,
    Received,
    ScriptError,
    Send,
)
from h2static.h2get.script.parse import parse_expectation, parse_expectations, parse_script
from h2static.h2get.script.render import render
from h2static.http.fields import Field
from h2static.http2 import frames as f
from h2static.http2 import registry as r

VARIABLES = {"scheme": "http", "authority": "host", "path": "/p"}


def octets(line: str) -> str:
    """What a line of a script sends, in hexadecimal."""
    (case,) = parse_script(line, "test", VARIABLES)
    (step,) = case.steps
    assert isinstance(step, Send)
    writer = Writer()
    return b"".join(map(writer.octets, step.what)).hex(" ", 1)


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("> SETTINGS", "00 00 00 04 00 00 00 00 00"),
        ("> SETTINGS ACK", "00 00 00 04 01 00 00 00 00"),
        (
            "> SETTINGS INITIAL_WINDOW_SIZE=1 0xfafa=0x10",
            "00 00 0c 04 00 00 00 00 00 00 04 00 00 00 01 fa fa 00 00 00 10",
        ),
        (
            "> SETTINGS\n    SETTINGS_MAX_FRAME_SIZE: 16384",
            "00 00 06 04 00 00 00 00 00 00 05 00 00 40 00",
        ),
        ("> PING opaque=0102030405060708", "00 00 08 06 00 00 00 00 00 01 02 03 04 05 06 07 08"),
        ("> PING stream=1 payload=aa", "00 00 01 06 00 00 00 00 01 aa"),
        ("> PING reserved=1", "00 00 08 06 00 80 00 00 00 00 00 00 00 00 00 00 00"),
        ("> DATA stream=1 END_STREAM data=hi", "00 00 02 00 01 00 00 00 01 68 69"),
        (r'> DATA stream=1 data="a\x00\n\\"', "00 00 04 00 00 00 00 00 01 61 00 0a 5c"),
        ("> DATA stream=3 size=2 padding=3", "00 00 05 00 08 00 00 00 03 02 00 00 00 00"),
        ("> DATA stream=1 length=99 data=x", "00 00 63 00 00 00 00 00 01 78"),
        ("> RST_STREAM stream=5 code=CANCEL", "00 00 04 03 00 00 00 00 05 00 00 00 08"),
        ("> RST_STREAM stream=5 code=0xfafa", "00 00 04 03 00 00 00 00 05 00 00 fa fa"),
        (
            '> GOAWAY last_stream=3 code=NO_ERROR debug="by"',
            "00 00 0a 07 00 00 00 00 00 00 00 00 03 00 00 00 00 62 79",
        ),
        ("> WINDOW_UPDATE stream=1 increment=0", "00 00 04 08 00 00 00 00 01 00 00 00 00"),
        (
            "> PRIORITY stream=3 dependency=1 weight=256 exclusive=1",
            "00 00 05 02 00 00 00 00 03 80 00 00 01 ff",
        ),
        (
            "> PRIORITY_UPDATE prioritized=1 value=u=0",
            "00 00 07 10 00 00 00 00 00 00 00 00 01 75 3d 30",
        ),
        ("> 0x16 stream=1 flags=0xff data=x", "00 00 01 16 ff 00 00 00 01 78"),
        ("> HEADERS stream=1 END_STREAM block=82", "00 00 01 01 05 00 00 00 01 82"),
        (
            "> HEADERS stream=1 -END_HEADERS weight=16 block=82",
            "00 00 06 01 20 00 00 00 01 00 00 00 00 0f 82",
        ),
        ("> CONTINUATION stream=1 END_HEADERS :method=GET", "00 00 01 09 04 00 00 00 01 82"),
        (
            "> PUSH_PROMISE stream=1 promised=2 :method=GET",
            "00 00 05 05 04 00 00 00 01 00 00 00 02 82",
        ),
        ("> RAW 00 01\n    ff", "00 01 ff"),
        (r'> TEXT "GET / HTTP/1.1\r\n"', b"GET / HTTP/1.1\r\n".hex(" ", 1)),
        ("> PREFACE", r.PREFACE.hex(" ", 1)),
        ("> PING payload=00 # a comment", "00 00 01 06 00 00 00 00 00 00"),
    ],
)
def test_what_is_sent(line: str, sent: str) -> None:
    assert octets(line) == sent


def received(line: str) -> Received:
    """What a line sends, read again."""
    (frame,) = Reader().receive(bytes.fromhex(octets(line)), 0.0)
    return frame


def test_a_request_in_short() -> None:
    frame = received("> GET $path stream=1\n    x-other: $authority")
    assert frame.flags == r.END_STREAM | r.END_HEADERS
    assert frame.fields == (
        (b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"host"), (b":path", b"/p"),
        (b"x-other", b"host"),
    )  # fmt: skip


def test_how_fields_are_written() -> None:
    line = "> HEADERS stream=1\n    @literal a: b\n    @never a: b\n    a: b\n    a: b"
    # 6.2.2 without indexing, 6.2.3 never indexed, 6.2.1 with indexing, 6.1 from the table.
    assert octets(line)[27:] == "00 01 61 01 62 10 01 61 01 62 40 01 61 01 62 be"


def test_sizes_of_the_table() -> None:
    assert octets("> HEADERS stream=1 resize=0,64 :method=GET")[27:] == "20 3f 21 82"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("> SETTING", "'SETTING' is not a type of frame"),
        ("> 0x100", "'0x100' is not a type of frame"),
        ("> PING END_STREAM", "'END_STREAM' is not a flag of this frame type"),
        ("> PING increment=1", "this frame type has no 'increment'"),
        ("> PING opaque=xyz", "'xyz' is not hexadecimal"),
        ("> RST_STREAM stream=1 code=OOPS", "'OOPS' is not a number"),
        ("> SETTINGS WINDOW=1", "'WINDOW' is not a setting"),
        ("> HEADERS stream=1\n  no field", "'no field' is not a field: expected 'name: value'"),
        ("> HEADERS stream=1\n  @often a: b", "@often: expected @indexed, @literal or @never"),
        ("> DATA stream=1\n  a: b", "this frame type takes no indented lines"),
        (r"> DATA stream=1 data=\q", r"'\\q': a backslash that starts no escape sequence"),
        ("> DATA stream>1", "'stream>1': a frame to send takes values, not comparisons"),
        ('> DATA stream=1 data="x', "No closing quotation"),
        (">", "unexpected end of line"),
        ("<", "unexpected end of line"),
        ("< PING |", "the expectation is empty"),
        ("< closed code=1", "'closed' takes no parameters"),
        ("< 200 x=~[", "'[' is not a regular expression: unterminated character set at position 0"),
        ("< PING\n  a: b", "this frame type has no fields"),
        ("wait 5", "'wait 5' is not a step"),
        ("pause long", "'long' is not a time"),
        ("alive\n  x", "'alive' takes no indented lines"),
        ("flush", "'hold' and 'flush' come in pairs"),
        ("section: x", "'section:' before the first case"),
        ("case:", "a case without a name"),
        ("case: x\nlevel: OUGHT", "'OUGHT': expected MUST, SHOULD or MAY"),
    ],
)
def test_what_cannot_be_read(text: str, complaint: str) -> None:
    with pytest.raises(ScriptError) as raised:
        parse_script(text, "a.h2s", VARIABLES)
    assert re.fullmatch(r"a\.h2s:\d: " + re.escape(complaint), str(raised.value))


@pytest.mark.parametrize("text", ["", "# nothing\n", "case: one\n", "hold\n> PING\n"])
def test_scripts_without_steps_or_end(text: str) -> None:
    with pytest.raises(ScriptError, match=r"a\.h2s: "):
        parse_script(text, "a.h2s", VARIABLES)


@given(st.text(alphabet=st.sampled_from(' \n\t<>!?|=~:@$#"\\aGETHDSPING_019x-'), max_size=60))
def test_any_text_is_read_or_complained_of(text: str) -> None:
    for parse in (
        lambda: parse_script(text, "s", VARIABLES),
        lambda: parse_expectation(text),
        lambda: parse_expectations(text, "s"),
    ):
        with suppress(ScriptError):
            parse()


KEYS = (
    "stream", "length", "padding", "promised", "last_stream", "prioritized", "increment", "code",
    "dependency", "weight", "exclusive", "size", "flags", "type", "reserved", "resize", "0xffff",
    "HEADER_TABLE_SIZE", "split", "opaque", "x-field",
)  # fmt: skip
VALUES = ("0", "1", "255", "256", "65536", "16777216", "2147483648", "4294967295", "0xffffffffff")


@given(
    st.sampled_from((*words.TYPES, "0xff", "GET /")),
    st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=5),
)
def test_any_numbers_are_sent_or_complained_of(first: str, pairs: list[tuple[str, str]]) -> None:
    line = " ".join([f"> {first}", *(f"{key}={value}" for key, value in pairs)])
    with suppress(ScriptError):
        octets(line)
    with suppress(ScriptError):
        parse_expectation(line.removeprefix("> "))


def test_cases_have_what_is_said_of_them() -> None:
    cases = parse_script(
        "case: one\nsection: RFC 9113 section 5.1\ntext: A sentence that\n    goes on.\n"
        "level: SHOULD\nneeds: MAX_FRAME_SIZE=16384\n> PING\ncase: two\n> PING\n",
        "s", {},
    )  # fmt: skip
    assert [case.name for case in cases] == ["one", "two"]
    assert cases[0].section == "RFC 9113 section 5.1"
    assert cases[0].text == "A sentence that goes on."
    assert (cases[0].level, cases[1].level) == ("SHOULD", "MUST")
    assert cases[0].needs == ((r.SETTINGS_MAX_FRAME_SIZE, 16384),)


# ---------------------------------------------------------------------- rendered and read again

STREAMS = st.integers(1, 2**31 - 1)
NUMBERS = st.integers(0, 2**32 - 1)
OCTETS = st.binary(max_size=20)
NAMES = st.binary(min_size=1, max_size=10)
FIELDS = st.lists(st.tuples(NAMES, OCTETS), max_size=4)
FRAMES = st.one_of(
    st.builds(
        f.Data, stream_id=STREAMS, data=OCTETS, padding=st.integers(0, 256),
        flags=st.sampled_from((0, r.END_STREAM)),
    ),
    st.builds(f.RstStream, stream_id=STREAMS, code=NUMBERS),
    st.builds(
        f.Settings,
        entries=st.lists(st.tuples(st.integers(0, 0xFFFF), NUMBERS), max_size=4).map(tuple),
    ),
    st.builds(f.Ping, flags=st.sampled_from((0, r.ACK)), opaque=st.binary(min_size=8, max_size=8)),
    st.builds(f.GoAway, last_stream_id=st.integers(0, 2**31 - 1), code=NUMBERS, debug=OCTETS),
    st.builds(
        f.WindowUpdate, stream_id=st.integers(0, 2**31 - 1), increment=st.integers(1, 2**31 - 1)
    ),
    st.builds(f.PriorityUpdate, prioritized_stream_id=STREAMS, value=OCTETS),
)  # fmt: skip


@given(FRAMES)
def test_a_frame_is_rendered_and_read_again(frame: f.Frame) -> None:
    if isinstance(frame, f.Data) and frame.padding:
        frame = replace(frame, flags=frame.flags | r.PADDED)
    written = frame.serialize()
    line = render(
        Received(
            type=written[3], flags=frame.flags, stream=frame.stream_id, values=values_of(frame)
        )
    )
    assert octets(f"> {line}") == written.hex(" ", 1)


@given(FIELDS, STREAMS, st.booleans())
def test_fields_are_rendered_and_read_again(fields: list[Field], stream: int, end: bool) -> None:
    flags = r.END_HEADERS | (r.END_STREAM if end else 0)
    frame = Received(type=r.HEADERS, flags=flags, stream=stream, fields=tuple(fields))
    again = received(f"> {render(frame)}")
    assert (again.stream, again.flags, again.fields) == (stream, flags, tuple(fields))
    text = render(frame)
    if "~" not in text:
        # As a pattern, where a tilde would begin a regular expression.
        first, *below = text.split("\n")
        assert matches(frames.pattern(first.split(), [one.strip(" ") for one in below]), frame)


@given(st.binary(max_size=40))
def test_octets_as_text(data: bytes) -> None:
    text = words.escape(data)
    assert words.unescape(text) == data
    assert text == text.strip()


@given(st.binary(max_size=200), st.integers(1, 50))
def test_whatever_comes_is_read(data: bytes, size: int) -> None:
    """And how it is cut makes no difference."""
    whole, cut = Reader(), Reader()
    frames_of_whole = list(whole.receive(data, 0.0))
    frames_of_cut: list[Received] = []
    for start in range(0, len(data), size):
        frames_of_cut += cut.receive(data[start : start + size], 0.0)
    assert list(map(render, frames_of_whole)) == list(map(render, frames_of_cut))
    assert whole.rest == cut.rest


# ---------------------------------------------------------------------- patterns

RESPONSE = Received(
    type=r.HEADERS, flags=r.END_HEADERS, stream=1, length=30, number=3,
    values={"padding": 0},
    fields=((b":status", b"200"), (b"etag", b'"x"'), (b"vary", b"a"), (b"vary", b"b")),
)  # fmt: skip
GOAWAY = Received(
    type=r.GOAWAY, length=12, values={"last_stream": 3, "code": 1, "debug": b"why not"}
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("HEADERS", True),
        ("DATA", False),
        ("200", True),
        ("200 stream=1", True),
        ("200 stream=3", False),
        ("404|200", True),
        ("2xx", True),
        ("2**", True),
        ("4xx|5xx", False),
        ("HEADERS END_HEADERS", True),
        ("HEADERS END_STREAM", False),
        ("HEADERS -END_STREAM", True),
        ("HEADERS -END_HEADERS", False),
        ("HEADERS length=30 number=3", True),
        ("HEADERS length<30", False),
        ("HEADERS length<=30 length>=30 length>29 length<31", True),
        ("HEADERS length!=30", False),
        ("HEADERS stream=1|3", True),
        ("HEADERS etag=~.*x.*", True),
        ("HEADERS etag=~x", False),
        ("HEADERS vary=b", True),
        ("HEADERS vary=c", False),
        ("HEADERS code=1", False),
    ],
)
def test_patterns_of_headers(text: str, holds: bool) -> None:
    assert matches(frames.pattern(text.split()), RESPONSE) is holds


@pytest.mark.parametrize(
    ("below", "holds"),
    [
        (['etag: "x"'], True),
        (['etag: ~"[a-z]"'], True),
        (["!etag"], False),
        (["!age", "vary: a"], True),
    ],
)
def test_fields_below(below: list[str], holds: bool) -> None:
    assert matches(frames.pattern(["200"], below), RESPONSE) is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("GOAWAY code=PROTOCOL_ERROR", True),
        ("GOAWAY code=NO_ERROR|PROTOCOL_ERROR last_stream<=3", True),
        ("GOAWAY code=CANCEL", False),
        ("GOAWAY debug=~not", True),
        ("GOAWAY debug=not", False),
    ],
)
def test_patterns_of_others(text: str, holds: bool) -> None:
    assert matches(frames.pattern(text.split()), GOAWAY) is holds


@pytest.mark.parametrize(
    ("pattern", "frame", "over"),
    [
        # The end ends everything.
        ("PING", Received(type=None), True),
        # So does GOAWAY of an error, and not one without.
        ("PING", GOAWAY, True),
        ("PING", Received(type=r.GOAWAY, values={"code": 0}), False),
        # A stream that was reset has nothing more; others have.
        ("HEADERS stream=1", Received(type=r.RST_STREAM, stream=1), True),
        ("HEADERS stream=1", Received(type=r.RST_STREAM, stream=3), False),
        # Another response than the one that was expected, and an informational one before it.
        ("404 stream=1", RESPONSE, True),
        ("404 stream=3", RESPONSE, False),
        ("404 stream=1", Received(type=r.HEADERS, stream=1, fields=((b":status", b"103"),)), False),
        ("DATA stream=1", RESPONSE, False),
        # Nothing of the type may come before.
        ("DATA first stream=3", Received(type=r.DATA, stream=1), True),
        ("DATA stream=3", Received(type=r.DATA, stream=1), False),
    ],
)
def test_what_shows_that_nothing_will_come(pattern: str, frame: Received, over: bool) -> None:
    assert contradicts([frames.pattern(pattern.split())], frame) is over


def test_one_expectation() -> None:
    one = parse_expectation("200 stream=1 | RST_STREAM stream=1 within=500ms after=0.1")
    assert isinstance(one, Expect)
    assert (len(one.patterns), one.within, one.after) == (2, 0.5, 0.1)
    assert isinstance(parse_expectation("! GOAWAY"), Never)


def test_a_file_of_expectations() -> None:
    found = parse_expectations("# what must come\n< 200\n    etag: ~.+\n! RST_STREAM\n", "x")
    assert [type(one) for one in found] == [Expect, Never]
    with pytest.raises(ScriptError, match="x:1: only '<' and '!' lines are expectations"):
        parse_expectations("> PING\n", "x")
