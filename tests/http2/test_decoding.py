"""``h2static.http2.decoding``: what is remembered, for whom, and how much of it."""

from __future__ import annotations

import gc
import random
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2static.http.errors import Malformed
from h2static.http.messages import Field
from h2static.http.semantics import SENSITIVE, RequestHead, validate_request
from h2static.http2.decoding import FieldSectionMemory, Sighted, is_sensitive
from hpacktools.codec import (
    NO_LIMITS,
    DecodeLimits,
    Encoder,
    HPACKError,
    Representation,
    decode_block,
)
from tests.support.peer import request_fields

WITH, WITHOUT, NEVER = Representation


def encode(
    encoder: Encoder, *extra: Field, path: bytes = b"/", how: Representation = WITH
) -> bytes:
    """A request's block."""
    fields = [*request_fields(path), *extra]
    return bytes(encoder.encode([(name, value, how) for name, value in fields]))


class Client:
    """One connection's decoding, as :mod:`h2static.http2.requests` does it."""

    def __init__(self, memory: FieldSectionMemory) -> None:
        self.memory = memory
        self.state = memory.start(4_096)
        self.hits = 0
        #: States that it was in.  The memory tells states by their addresses: one that is gone may
        #: give its address to another, and a block counts as repeated before it is.
        self.earlier: list[object] = []

    def receive(self, block: bytes) -> RequestHead:
        self.earlier.append(self.state)
        known = self.state.known.get(block)
        if known is not None:
            self.hits += 1
            if known.state is not None:
                self.state = known.state
            return known.head
        before = self.state
        decoded, after = self.memory.decode(before, block)
        head = validate_request(decoded.fields, end_stream=True)
        self.state = self.memory.remember(before, block, decoded, head, after)
        return head


def test_what_repeats_is_the_same_request() -> None:
    """From the third time on: the first is looked at, the second is kept."""
    memory = FieldSectionMemory(NO_LIMITS)
    client, encoder = Client(memory), Encoder()
    first = client.receive(encode(encoder))
    heads = [client.receive(encode(encoder)) for _ in range(4)]
    assert heads[1] is heads[2] is heads[3]
    assert heads[0] is not first
    assert client.hits == 2


def test_other_connections_profit() -> None:
    """Blocks that insert lead to the same state for everybody, from the second meeting on."""
    memory = FieldSectionMemory(NO_LIMITS)
    clients = [Client(memory) for _ in range(6)]
    paths = [b"/", b"/a", b"/b", b"/"]
    heads = []
    for client in clients:
        encoder = Encoder()
        heads.append([client.receive(encode(encoder, path=path)) for path in paths])
    assert clients[0].hits == 0
    assert [client.hits for client in clients] == [0, 0, 1, 4, 4, 4]
    assert clients[4].state is clients[5].state
    assert heads[5][0] is heads[2][0]


def test_off_remembers_nothing() -> None:
    memory = FieldSectionMemory(NO_LIMITS, enabled=False)
    client, encoder = Client(memory), Encoder()
    for _ in range(5):
        client.receive(encode(encoder))
    assert client.hits == 0


@pytest.mark.parametrize("name", sorted(SENSITIVE))
@pytest.mark.parametrize("how", [WITH, WITHOUT, NEVER])
def test_secrets_are_not_shared(name: bytes, how: Representation) -> None:
    """RFC 7541 section 7.1: neither the block nor the state that follows it."""
    memory = FieldSectionMemory(NO_LIMITS)
    clients = [Client(memory) for _ in range(4)]
    for client in clients:
        encoder = Encoder()
        client.receive(encode(encoder))
        client.receive(encode(encoder, (name, b"secret"), how=how))
        for _ in range(4):
            client.receive(encode(encoder, path=b"/after"))
    for state in memory._states.values():
        assert all(entry[0] not in SENSITIVE for entry in state.table.entries)
        for block, known in state.known.items():
            assert b"secret" not in block
            assert known.request.field(name) is None
    if how == WITH:
        assert all(client.state.private for client in clients)
        assert len({id(client.state) for client in clients}) == len(clients)
        # A connection remembers for itself.
        assert all(client.hits for client in clients)


def test_what_came_never_indexed_is_not_shared() -> None:
    memory = FieldSectionMemory(NO_LIMITS)
    clients = [Client(memory) for _ in range(4)]
    for client in clients:
        encoder = Encoder()
        for _ in range(3):
            client.receive(encode(encoder, (b"x-token", b"secret"), how=NEVER))
    assert not any(state.known for state in memory._states.values())


def test_secrets_behind_a_soft_limit_are_not_shared() -> None:
    """They are in the table although they are not in the fields."""
    memory = FieldSectionMemory(DecodeLimits(soft_fields=5))
    for _ in range(4):
        state = memory.start(4_096)
        encoder = Encoder()
        crumbs = [(b"x-%d" % number, b"v") for number in range(3)]
        decoded, state = memory.decode(state, encode(encoder, *crumbs, (b"cookie", b"secret")))
        assert decoded.truncated
        assert state.private
    assert not any(
        entry[0] == b"cookie" for one in memory._states.values() for entry in one.table.entries
    )


def test_a_private_state_remembers_little() -> None:
    memory = FieldSectionMemory(NO_LIMITS)
    client, encoder = Client(memory), Encoder()
    client.receive(encode(encoder, (b"cookie", b"secret")))
    for number in range(100):
        client.receive(encode(encoder, path=b"/%d" % number, how=WITHOUT))
    large = b"v" * 5_000
    for _ in range(3):
        client.receive(encode(encoder, (b"x-large", large), how=WITHOUT))
    assert client.state.private
    assert 0 < len(client.state.known) < 65_536 / 600
    assert all(len(block) < 1_000 for block in client.state.known)


@pytest.mark.parametrize("fields", [0, 10, pytest.param(120, marks=pytest.mark.slow)])
def test_a_private_memory_is_bounded_in_octets(fields: int) -> None:
    """Fields of few octets cost more than their octets."""
    client, encoder = Client(FieldSectionMemory(NO_LIMITS)), Encoder()
    client.receive(encode(encoder, (b"cookie", b"mine"), how=WITH))
    tracemalloc.start()
    try:
        for number in range(300):
            extra = [(b"x-%d" % one, b"%d" % (number + one)) for one in range(fields)]
            client.receive(encode(encoder, *extra, path=b"/%d" % number, how=WITHOUT))
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert client.state.known
    assert client.state.octets <= 65_536
    assert held <= 2 * 65_536


@pytest.mark.parametrize("how", [WITH, WITHOUT])
def test_the_memory_is_bounded(how: Representation) -> None:
    """Whatever a client sends, from whatever state, for as long as it likes."""
    bound = 200_000
    memory = FieldSectionMemory(NO_LIMITS, octets=bound)
    client, encoder = Client(memory), Encoder()
    # A state of its own, which other connections do not have.
    client.receive(encode(encoder, (b"x-mine", b"only"), how=WITH))
    for number in range(3_000):
        block = encode(encoder, path=b"/%d" % number, how=how)
        client.receive(block)
        if how == WITHOUT:
            client.receive(block)
        states = {id(state): state for state in (client.state, *memory._states.values())}
        held = sum(len(state.known) for state in states.values())
        # An entry costs more than 600 octets.
        assert held <= bound / 600
        assert memory._octets <= bound
    assert how == WITH or held


def test_the_oldest_make_room() -> None:
    """What a client asked for last is known when the memory is full, and most of the rest too."""
    memory = FieldSectionMemory(NO_LIMITS, octets=100_000)
    client, encoder = Client(memory), Encoder()
    client.receive(encode(encoder))
    most, before = 0, 0
    blocks = [encode(encoder, path=b"/%d" % number, how=WITHOUT) for number in range(500)]
    for block in blocks:
        for _ in range(2):
            client.receive(block)
        assert block in client.state.known
        known = len(client.state.known)
        if known < before:
            assert known > most * 0.8, "a part makes room"
        most, before = max(most, known), known
    assert 20 < most < 200
    assert blocks[-most // 2] in client.state.known
    assert blocks[0] not in client.state.known


@given(
    blocks=st.lists(st.binary(max_size=12), max_size=8),
    repeats=st.integers(1, 3),
    acknowledged=st.sampled_from([None, 0, 40, 5_000]),
)
@settings(deadline=None)
def test_a_memory_never_changes_what_a_block_is(
    blocks: list[bytes], repeats: int, acknowledged: int | None
) -> None:
    """Against the plain codec, with the same blocks on many connections."""
    memory = FieldSectionMemory(NO_LIMITS)
    for _ in range(repeats + 1):
        state = memory.start(4_096)
        table, required = state.table, None
        for position, block in enumerate(blocks):
            if position == 1 and acknowledged is not None:
                state = memory.acknowledged(state, acknowledged)
                required = acknowledged if acknowledged < table.maximum else None
                allowed = acknowledged
            else:
                allowed = state.allowed
            known = state.known.get(block)
            try:
                expected = decode_block(block, table, allowed=allowed, required=required)
            except HPACKError:
                assert known is None
                with pytest.raises(HPACKError):
                    memory.decode(state, block)
                break
            required = None
            table = expected.table
            try:
                head = validate_request(expected.fields, end_stream=True)
            except Malformed:
                assert known is None
                state = memory.decode(state, block)[1]
            else:
                if known is not None:
                    assert known.request.fields == head.request.fields
                    assert known.request.path == head.request.path
                    state = state if known.state is None else known.state
                else:
                    decoded, after = memory.decode(state, block)
                    assert decoded.fields == expected.fields
                    state = memory.remember(state, block, decoded, head, after)
            assert state.table == table
            assert state.required is None


def test_what_has_come_once_is_seldom_remembered() -> None:
    """Otherwise a client that never repeats itself would fill the memory."""
    memory = FieldSectionMemory(NO_LIMITS)
    client, encoder = Client(memory), Encoder()
    for number in range(9_000):
        client.receive(encode(encoder, path=b"/%d" % number, how=WITHOUT))
    assert client.hits == 0
    assert len(client.state.known) < 90


@pytest.mark.slow
def test_twenty_thousand_requests_are_remembered() -> None:
    """A site may well have as many files, and a client ask for one after the other."""
    memory = FieldSectionMemory(NO_LIMITS)
    client, encoder = Client(memory), Encoder()
    blocks = [encode(encoder, path=b"/%d" % number, how=WITHOUT) for number in range(20_000)]
    for _ in range(3):
        hits = client.hits
        for block in blocks[1:]:
            client.receive(block)
    assert client.hits - hits > 19_600


def test_sights() -> None:
    chance = random.Random("sights")
    sighted = Sighted(4_096)
    seen = [chance.getrandbits(61) for _ in range(1_000)]
    news = sum(sighted.again(sight) for sight in seen)
    assert news < 20
    assert sum(sighted.again(sight) for sight in seen) > 900
    # Full of others, that never come again: what comes again and again is noticed all the same.
    for _ in range(20_000):
        sighted.again(chance.getrandbits(61))
    assert sum(sighted.again(sight) for sight in seen) < 50
    for _ in range(3):
        noticed = sum(sighted.again(sight) for sight in seen)
    assert noticed > 900


def test_acknowledging_the_same_size_changes_nothing() -> None:
    memory = FieldSectionMemory(NO_LIMITS)
    state = memory.start(4_096)
    assert memory.acknowledged(state, 4_096) is state
    smaller = memory.acknowledged(state, 100)
    assert (smaller.allowed, smaller.required) == (100, 100)
    assert memory.acknowledged(state, 100) is smaller


def test_tables_share_equal_fields() -> None:
    """Connections that ask for the same in another order have different tables of one content."""
    memory = FieldSectionMemory(NO_LIMITS)
    paths = [b"/%d" % number for number in range(40)]
    tables = []
    for order in (paths, paths[::-1], paths[20:] + paths[:20]):
        client, encoder = Client(memory), Encoder()
        for path in order:
            client.receive(encode(encoder, path=path))
        tables.append({field: field for field in client.state.table.entries})
    first, *others = tables
    for other in others:
        assert first.keys() == other.keys()
        assert all(other[field] is first[field] for field in first)


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("name", sorted(SENSITIVE))
def test_secrets_and_long_fields_are_in_their_own_table_only(name: bytes, broken: bool) -> None:
    memory = FieldSectionMemory(NO_LIMITS)
    encoder = Encoder()
    long = (b"x-long", bytes(200))
    block = encode(encoder, (name, b"secret"), long)
    if broken:
        with pytest.raises(HPACKError):
            memory.decode(memory.start(4_096), block + b"\x80")
    else:
        _, state = memory.decode(memory.start(4_096), block)
        assert {(name, b"secret"), long} < set(state.table.entries)
        assert memory._interned
    assert (name, b"secret") not in memory._interned
    assert long not in memory._interned


def test_secrets_behind_a_soft_limit_are_in_their_own_table_only() -> None:
    memory = FieldSectionMemory(DecodeLimits(soft_fields=5))
    crumbs = [(b"x-%d" % number, b"v") for number in range(3)]
    memory.decode(memory.start(4_096), encode(Encoder(), *crumbs, (b"cookie", b"secret")))
    assert (b"cookie", b"secret") not in memory._interned


def test_what_tables_share_is_bounded() -> None:
    memory = FieldSectionMemory(NO_LIMITS)
    client, encoder = Client(memory), Encoder()
    for number in range(10_000):
        client.receive(encode(encoder, path=b"/%d" % number))
        assert len(memory._interned) <= 2_100


def test_sensitive_blocks() -> None:
    encoder = Encoder()
    state = FieldSectionMemory(NO_LIMITS).start(4_096)
    plain = decode_block(encode(encoder), state.table)
    assert not is_sensitive(plain)
    secret = decode_block(encode(encoder, (b"authorization", b"x")), plain.table)
    assert is_sensitive(secret)
    # By reference to the table as well.
    again = decode_block(encode(encoder, (b"authorization", b"x")), secret.table)
    assert is_sensitive(again)


def test_a_state_is_small() -> None:
    """Thousands of idle connections hold one each."""
    memory = FieldSectionMemory(NO_LIMITS)
    states = {id(memory.start(4_096)) for _ in range(1_000)}
    assert len(states) == 1
    gc.collect()
    assert sys.getsizeof(memory.start(4_096)) < 200
