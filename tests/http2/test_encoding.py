"""``h2static.http2.encoding``: pure, by the second, and bounded."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2static.http.dates import DateField, format_http_date
from h2static.http.fields import Field
from h2static.http.messages import Request, Response
from h2static.http2 import registry as r
from h2static.http2.encoding import (
    DEFAULT_OCTETS,
    EncoderState,
    HeaderBlockMemory,
    promise_section,
)
from h2static.http2.frames import Data, Headers
from tests.support.small_site import pattern, response

NOON = 1_795_262_400.0


def memory(
    date: DateField | None = None,
    *,
    plain: bool = False,
    maximum: int = r.INITIAL_HEADER_TABLE_SIZE,
    octets: int = DEFAULT_OCTETS,
    enabled: bool = True,
) -> HeaderBlockMemory:
    """At noon."""
    date = date or DateField()
    date.tick(NOON)
    return HeaderBlockMemory(date, plain=plain, maximum=maximum, octets=octets, enabled=enabled)


class Client:
    """Decodes with the hpack package."""

    def __init__(self) -> None:
        self.decoder = hpack.Decoder()

    def decode(self, block: bytes) -> tuple[Field, ...]:
        fields = self.decoder.decode(block, raw=True)
        return tuple((bytes(name), bytes(value)) for name, value in fields)


def test_the_same_response_is_encoded_once() -> None:
    one, answer = memory(), response(200, b"x")
    state = one.start()
    first = one.block(state, answer)
    assert first.state is not None
    state = first.state
    second = one.block(state, answer)
    assert second.state is None
    assert one.block(state, answer) is second
    # Another connection gets the same object.
    assert one.block(one.start(), answer) is first
    assert len(second.block) < len(first.block)


def promised(*, repeats: bool) -> Request:
    fields = ((b"user-agent", b"a browser"),)
    return Request(
        method=b"GET",
        scheme=b"https",
        authority=b"test.example",
        path=b"/a.css",
        fields=fields,
        repeats=repeats,
    )


def test_a_promise_that_repeats_is_encoded_once() -> None:
    one, request = memory(), promised(repeats=True)
    state = one.start()
    block, after = one.promise(state, request)
    assert Client().decode(block) == promise_section(request)
    assert one.promise(one.start(), request)[0] is one.promise(state, request)[0]
    again, last = one.promise(after, request)
    assert last is after
    assert len(again) < len(block)
    once = promised(repeats=False)
    assert one.promise(state, once) == (block, after)
    assert one.promise(state, once)[0] is not one.promise(state, once)[0]
    off = memory(enabled=False)
    assert off.promise(off.start(), request)[0] == block


def test_promises_of_a_past_second_are_forgotten() -> None:
    date = DateField()
    one, request = memory(date), promised(repeats=True)
    state = one.start()
    one.promise(state, request)
    assert state.promises
    date.tick(NOON + 1)
    one.release()
    assert not state.promises


def test_off_gives_the_same_octets() -> None:
    answers = [response(200, b"x"), response(404, b"no"), response(200, pattern(20_000))]
    on, off = memory(), memory(enabled=False)
    for _ in range(3):
        states = [on.start(), off.start()]
        for answer in answers * 2:
            blocks = [on.block(states[0], answer), off.block(states[1], answer)]
            assert blocks[0].block == blocks[1].block
            states = [
                state if block.state is None else block.state
                for state, block in zip(states, blocks, strict=True)
            ]
    assert off.block(off.start(), answers[0]) is not off.block(off.start(), answers[0])


def test_the_date_is_this_seconds() -> None:
    clock = DateField()
    one, answer, client = memory(clock), response(200, b"x"), Client()
    state = one.start()
    for number in range(5):
        clock.tick(NOON + number / 2)
        state = one.current(state)
        block = one.block(state, answer)
        date = dict(client.decode(block.block))[b"date"]
        assert date == format_http_date(int(NOON) + number // 2) == clock.value
        state = state if block.state is None else block.state
        assert one.second == int(NOON + number / 2)


def test_time_may_go_back() -> None:
    clock = DateField()
    one, answer, client = memory(clock), response(200, b"x"), Client()
    for moment in (NOON, NOON - 3_600):
        clock.tick(moment)
        state = one.current(one.start())
        assert dict(client.decode(one.block(state, answer).block))[b"date"] == format_http_date(
            int(moment)
        )


def test_values_that_differ_from_file_to_file_stay_out_of_the_table() -> None:
    """So that the blocks of different files share one state."""
    one, client = memory(), Client()
    state = one.start()
    for number in range(200):
        fields: tuple[Field, ...] = (
            (b"server", b"h2static"),
            (b"content-type", b"text/plain"),
            (b"content-length", b"%d" % number),
            (b"etag", b'"%d"' % number),
            (b"last-modified", format_http_date(number)),
            (b"location", b"/%d" % number),
        )
        block = one.block(state, Response(status=200, fields=fields))
        assert set(fields) < set(client.decode(block.block))
        state = state if block.state is None else block.state
    # Those of the first eight entered it, when nothing was known of the others.
    entered = [value for name, value in state.table.entries if name == b"location"]
    assert entered == [b"/%d" % number for number in reversed(range(8))]


def test_secrets_are_never_indexed() -> None:
    """RFC 7541 section 7.1.3."""
    one = memory()
    fields = ((b"set-cookie", b"id=secret"), (b"server", b"h2static"))
    block = one.block(one.start(), Response(status=200, fields=fields))
    assert block.state is not None
    assert b"set-cookie" not in [name for name, _ in block.state.table.entries]
    decoded = hpack.Decoder().decode(block.block, raw=True)
    (cookie,) = [field for field in decoded if field[0] == b"set-cookie"]
    assert isinstance(cookie, hpack.NeverIndexedHeaderTuple)


@pytest.mark.parametrize(
    ("body", "ready"),
    [
        (b"", 0),
        (b"x", 1),
        (pattern(16_384), 16_384),
        (pattern(16_385), -1),
    ],
    ids=["empty", "one", "16384", "16385"],
)
def test_ready_frames(body: bytes, ready: int) -> None:
    """What goes out at once is what the plain path would write."""
    one = memory()
    block = one.block(one.start(), response(200, body))
    assert block.ready == ready
    if ready < 0:
        return
    flags = r.END_HEADERS | (0 if body else r.END_STREAM)
    expected = Headers(stream_id=7, flags=flags, fragment=block.block).serialize()
    identifier = (7).to_bytes(4, "big")
    pieces = block.head + identifier + block.tail
    if body:
        expected += Data(stream_id=7, flags=r.END_STREAM, data=body).serialize()
        pieces += identifier + block.body
    assert pieces == expected
    assert block.size == len(expected)


def test_some_responses_are_never_ready() -> None:
    one = memory(plain=True)
    assert one.block(one.start(), response(200, b"x")).ready == -1
    large = Response(status=200, fields=((b"x-large", b"\xff" * 20_000),))
    two = memory()
    assert two.block(two.start(), large).ready == -1


def test_extra_fields_are_not_remembered() -> None:
    one, answer = memory(), response(200, b"x")
    state = one.start()
    extra = ((b"link", b"</a>; rel=preload"),)
    first = one.block(state, answer, extra)
    assert first.ready == -1
    assert one.block(state, answer, extra) is not first
    assert set(extra) < set(Client().decode(first.block))


def test_the_fields_of_a_response() -> None:
    fields = dict(memory().fields(response(200, b"x"), ((b"link", b"</a>"),)))
    assert fields[b":status"] == b"200"
    assert fields[b"content-length"] == b"1"
    assert fields[b"date"] == format_http_date(int(NOON))
    assert fields[b"link"] == b"</a>"


def test_states_are_bounded() -> None:
    """A client that has every response enter another field makes another table each time."""
    bound = 100_000
    one = memory(octets=bound)
    state = one.start()
    entered = 0
    for number in range(2_000):
        section = ((b":status", b"200"), (b"content-language", b"%04d" % number))
        _, after = one.encode(state, section)
        entered += after is not state
        state = after
        # Each table has some twenty entries or more, and what finds them.
        assert len(one._states) <= bound // 1_000 + 20
    assert entered == 2_000


def test_boundaries_do_not_enter_the_table() -> None:
    """A client can think of many sets of ranges."""
    one = memory()
    state = one.start()
    kind = b"multipart/byteranges; boundary="
    _, after = one.encode(state, ((b":status", b"206"), (b"content-type", kind + b"1")))
    assert all(not value.startswith(kind) for _, value in after.table.entries)
    assert one.encode(after, ((b"content-type", kind + b"2"),))[1] is after


def test_the_memory_is_bounded() -> None:
    """Also for a connection that goes on with a state that was forgotten."""
    bound = 50_000
    one = memory(octets=bound)
    state = one.start()
    answers = [response(200, b"%d" % number) for number in range(2_000)]
    held: list[EncoderState] = []
    for answer in answers:
        block = one.block(state, answer)
        state = state if block.state is None else block.state
        held.append(state)
        blocks = sum(len(each.blocks) for each in {id(each): each for each in held}.values())
        assert blocks <= bound / 500


def test_what_is_cached_stays_when_there_is_no_room() -> None:
    """Responses beyond the limit are encoded each time; those before them are not."""
    one = memory(octets=200_000)
    state = one.start()
    answers = [response(200, b"%d" % number) for number in range(1_000, 1_500)]
    blocks = []
    for answer in answers:
        block = one.block(state, answer)
        blocks.append(block)
        state = state if block.state is None else block.state
    again = [one.block(state, answer) for answer in answers]
    kept = [one is other for one, other in zip(blocks, again, strict=True)]
    assert all(kept[10:100])
    assert not any(kept[300:])
    assert [one.block for one in again[10:]] == [one.block for one in blocks[10:]]


def test_a_second_that_is_over_is_forgotten_without_a_next_block() -> None:
    clock = DateField()
    one, answer = memory(clock), response(200, b"x")
    state = one.start()
    block = one.block(state, answer)
    one.release()
    assert one.block(one.start(), answer) is block
    clock.tick(NOON + 1)
    one.release()
    assert not state.blocks


def test_states_of_past_seconds_hold_no_blocks() -> None:
    """Idle connections keep them; whoever is not idle has them forgotten."""
    clock = DateField()
    one, answer = memory(clock), response(200, b"x")
    block = one.block(one.start(), answer)
    assert block.state is not None
    one.block(block.state, answer)
    assert block.state.blocks
    clock.tick(NOON + 1)
    one.current(one.start())
    assert not block.state.blocks


@given(
    actions=st.lists(
        st.one_of(
            st.sampled_from([0, 1, 50, 100, 4_096, 65_536]),
            st.sampled_from(["a", "b", "c"]),
        ),
        max_size=25,
    )
)
@settings(deadline=None)
def test_a_client_that_changes_its_table_decodes_everything(actions: list[int | str]) -> None:
    """RFC 7541 section 4.2: the smallest and the last size, in the next block."""
    one = memory()
    answers = {
        "a": response(200, b"x"),
        "b": Response(status=404, fields=((b"x-b", b"b" * 40), (b"server", b"s"))),
        "c": Response(status=200, fields=tuple((b"x-%d" % n, b"v" * 20) for n in range(9))),
    }
    client, state = Client(), one.start()
    for action in actions:
        if isinstance(action, int):
            client.decoder.max_allowed_table_size = max(
                client.decoder.max_allowed_table_size, action
            )
            state = one.resized(state, min(action, 4_096))
            assert len(state.pending) <= 2
            continue
        answer = answers[action]
        block = one.block(state, answer)
        assert client.decode(block.block) == one.fields(answer)
        state = state if block.state is None else block.state
        assert not state.pending
        assert client.decoder.header_table_size == state.table.maximum
        entries = tuple(
            (bytes(n), bytes(v)) for n, v in client.decoder.header_table.dynamic_entries
        )
        assert entries == state.table.entries


def test_equal_sizes_change_nothing() -> None:
    one = memory()
    state = one.start()
    assert one.resized(state, 4_096) is state
    assert one.resized(one.resized(state, 100), 100) is one.resized(state, 100)
    # RFC 7541 section 4.2: nothing has changed for the next block.
    assert one.resized(one.resized(state, 8_192), 4_096) is state
    assert one.resized(one.resized(state, 8_192), 6_000).pending == (6_000,)
    assert one.resized(one.resized(state, 100), 4_096).pending == (100, 4_096)
    assert one.resized(one.resized(one.resized(state, 100), 4_096), 50).pending == (50,)


SOME_FIELDS = st.sampled_from(
    [
        (b"server", b"h2static"),
        (b"content-type", b"text/css"),
        (b"content-type", b"multipart/byteranges; boundary=1"),
        (b"content-length", b"612"),
        (b"etag", b'"one"'),
        (b"etag", b""),
        (b"location", b"/there"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"link", b"</a.css>; rel=preload"),
        (b"link", b"</" + b"b" * 4_000 + b">"),
        (b"x-own", b"\x80"),
    ]
)


@given(
    responses=st.lists(st.lists(SOME_FIELDS, max_size=8).map(tuple), min_size=1, max_size=5),
    order=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1)), max_size=20),
    maximum=st.sampled_from([0, 100, 4_096]),
)
@settings(deadline=None)
def test_remembered_parts_give_the_octets_of_the_whole(
    responses: list[tuple[Field, ...]], order: list[tuple[int, int]], maximum: int
) -> None:
    """Whatever was remembered in which second; lines of one name stay in their order."""
    clock = DateField()
    one, plain, client = memory(clock), memory(clock, enabled=False), Client()
    answers = [Response(status=200, fields=fields, prepared=True) for fields in responses]
    states = [each.resized(each.start(), maximum) for each in (one, plain)]
    now = NOON
    for number, later in order:
        now += later
        clock.tick(now)
        answer = answers[number % len(answers)]
        states = [one.current(states[0]), plain.current(states[1])]
        blocks = [one.block(states[0], answer), plain.block(states[1], answer)]
        assert blocks[0].block == blocks[1].block
        decoded = client.decode(blocks[0].block)
        assert decoded == one.fields(answer)
        for name in {name for name, _ in answer.fields}:
            lines = [value for key, value in answer.fields if key == name]
            if name != b"content-type":
                assert [value for key, value in decoded if key == name] == lines
        states = [
            state if block.state is None else block.state
            for state, block in zip(states, blocks, strict=True)
        ]


def test_a_response_that_is_given_other_fields_is_encoded_anew() -> None:
    one, answer, client = memory(), response(200, b"x"), Client()
    state = one.start()
    first = one.block(state, answer)
    assert first.state is not None
    client.decode(first.block)
    answer.fields = ((b"server", b"other"), (b"etag", b'"two"'))
    clock = one.current(first.state)
    clock.blocks.clear()
    decoded = client.decode(one.block(clock, answer).block)
    assert set(answer.fields) < set(decoded)


# ---------------------------------------------------------------------- few responses


def _file(number: int) -> Response:
    fields = (
        (b"content-type", b"text/css"),
        (b"content-length", b"1"),
        (b"etag", b'"%024d"' % number),
        (b"last-modified", b"Sat, 21 Nov 2026 07:10:40 GMT"),
    )
    return Response(status=200, fields=fields, body=b"x", prepared=True)


def test_of_few_responses_every_field_enters_the_table() -> None:
    one, answers = memory(), [_file(number) for number in range(8)]
    client, state = Client(), one.start()
    sizes = []
    for answer in answers * 2:
        block = one.block(state, answer)
        assert (b"etag", dict(answer.fields)[b"etag"]) in client.decode(block.block)
        sizes.append(len(block.block))
        state = block.state or state
    assert max(sizes[8:]) <= 10, "indices only"


def test_one_response_too_many_ends_it_for_the_second() -> None:
    date = DateField()
    one, answers = memory(date), [_file(number) for number in range(9)]
    state = one.start()
    first = one.block(state, answers[0])
    for answer in answers[1:]:
        one.block(state, answer)
    # What was decided before is not used again: another connection's table stays as it is.
    again = one.block(state, answers[0])
    assert again.block != first.block
    after = again.state
    assert after is not None
    assert one.block(after, answers[1]).state is None
    # The second after a second with many begins without.
    date.tick(NOON + 1)
    state = one.current(after)
    after = one.block(state, answers[0]).state or state
    assert one.block(after, answers[1]).state is None
    # It had few: the next one is another matter.
    date.tick(NOON + 2)
    state = one.current(after)
    after = one.block(state, answers[0]).state or state
    assert one.block(after, answers[1]).state is not None


def test_a_small_table_is_left_to_fields_that_repeat() -> None:
    one = memory()
    state = one.resized(one.start(), 1_000)
    after = one.block(state, _file(1)).state or state
    assert one.block(after, _file(2)).state is None
