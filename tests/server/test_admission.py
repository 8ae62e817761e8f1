"""Which datagrams begin a connection, and what is said to the others, without any network."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from h2static.quic.connection_ids import KEY_LENGTH, ConnectionIds, reset_token
from h2static.quic.packets import SMALLEST_INITIAL, Header, read_header
from h2static.quic.transport import Path, Transport
from h2static.server.admission import Admission, Admitted, Verdict
from h2static.server.datagram_entrance import DatagramEntrance, DatagramWorker
from h2static.server.datagram_sockets import DatagramSocket
from h2static.server.limits import DEFAULT_LIMITS
from h2static.server.relay import Relay
from h2static.site.refusals import Refusals

HERE = Path(("192.0.2.7", 40_007))
ELSEWHERE = Path(("192.0.2.8", 40_007))
KEY = bytes(KEY_LENGTH)


class FakeLibrary:
    """Says what it was asked for."""

    versions = (1,)

    def accept(
        self, header: Header, path: Path, ids: ConnectionIds, *, original: bytes | None = None
    ) -> Transport:
        raise AssertionError("nobody is accepted here")

    def retry(self, header: Header, token: bytes, given: bytes) -> bytes:
        return b"retry" + given + token

    def refuse_token(self, header: Header) -> bytes:
        return b"refused"


class Engines:
    """None are made."""

    def make(self, opening: object) -> object:
        raise AssertionError

    def new_batch(self) -> None:
        pass

    def release(self) -> None:
        pass


def initial(token: bytes = b"", destination: bytes = b"chosenby", version: int = 1) -> bytes:
    size = len(token) | 0x4000
    head = b"".join(
        (
            b"\xc0" + version.to_bytes(4, "big"),
            bytes((len(destination),)) + destination + b"\x00",
            size.to_bytes(2, "big") + token,
        )
    )
    return head + bytes(SMALLEST_INITIAL - len(head))


@dataclass(slots=True, kw_only=True)
class Place:
    """An admission and what it needs."""

    admission: Admission
    entrance: DatagramEntrance
    told: list[str]
    now: float = 1_000.0

    def judge(self, data: bytes, *, path: Path = HERE, opening: int = 0) -> Verdict:
        header = read_header(data)
        assert header is not None
        ids = ConnectionIds(KEY, place=0, worker=1)
        return self.admission.judge(
            self.entrance, ids, header, data, path, now=self.now, opening=opening
        )


@contextmanager
def made(relay: Relay | None = None, *, stateless: int = 1_000) -> Iterator[Place]:
    told: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        entrance = DatagramEntrance(
            socket=DatagramSocket(one, 0),
            library=FakeLibrary(),
            engines=Engines(),  # type: ignore[arg-type]  # none are made
            application=Refusals(),
        )
        limits = replace(DEFAULT_LIMITS, unvalidated_connections=10, stateless_packets=stateless)
        place = Place(
            admission=Admission(
                DatagramWorker(key=KEY, number=1),
                relay,
                limits,
                lambda: place.now,
                lambda: told.append("retrying"),
            ),
            entrance=entrance,
            told=told,
        )
        yield place


def test_a_first_packet_begins_a_connection() -> None:
    with made() as place:
        assert place.judge(initial()) == Admitted(None)
        assert place.judge(initial()[:-1]) is None
        assert place.told == []


def test_who_has_come_back_from_a_retry_is_admitted() -> None:
    with made() as place:
        answer = place.judge(initial(), opening=10)
        assert isinstance(answer, bytes)
        assert answer.startswith(b"retry")
        given, token = answer[5:13], answer[13:]
        assert place.judge(initial(token, given), opening=10) == Admitted(b"chosenby")
        # From another address, with another id, or too late it is refused.
        assert place.judge(initial(token, given), path=ELSEWHERE, opening=10) == b"refused"
        assert place.judge(initial(token), opening=10) == b"refused"
        place.now += 31
        assert place.judge(initial(token, given), opening=10) == b"refused"
        assert place.told == ["retrying"]


def test_retries_end_with_the_load() -> None:
    with made() as place:
        for opening, retried in ((9, False), (10, True), (9, False), (4, False), (10, True)):
            assert isinstance(place.judge(initial(), opening=opening), bytes) == retried
        # It is told once for each time that the load comes.
        assert place.told == ["retrying"] * 2


def test_other_versions() -> None:
    with made() as place:
        answer = place.judge(initial(version=0xFACEB00C))
        assert isinstance(answer, bytes)
        assert answer[1:5] == bytes(4)
        # A Version Negotiation packet is never answered: two servers would not stop.
        assert place.judge(initial(version=0)) is None


def test_answers_to_anybody_are_bounded() -> None:
    with made(stateless=3) as place:
        lost = b"\x40" + os.urandom(99)
        answers = [place.judge(lost) for _ in range(5)]
        assert [answer is not None for answer in answers] == [True] * 3 + [False] * 2
        place.now += 1
        assert place.judge(lost) is not None


@pytest.mark.parametrize("worker", [1, 2, 3])
def test_what_is_for_a_predecessor_is_passed_on(worker: int) -> None:
    """The worker's own, a predecessor's, nobody's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    inbox, outbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs, inbox, outbox:
        relay = Relay(ours, {2: outbox})
        predecessor = Relay(inbox, {})
        with made(relay) as place:
            lost = b"\x40" + ConnectionIds(KEY, worker=worker).make() + os.urandom(91)
            answer = place.judge(lost)
            if worker == 2:
                assert answer is None
                assert predecessor.read(10) == [(0, lost, HERE)]
            else:
                assert isinstance(answer, bytes)
                assert answer.endswith(reset_token(KEY, lost[1:9]))
            inbox.close()
            assert isinstance(place.judge(lost), bytes), "it is gone"


def test_a_handshake_with_a_predecessor_is_passed_on() -> None:
    """Initial and Handshake packets, too: otherwise it begins anew here, and never ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    inbox, outbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs_id, own_id, gone = (ConnectionIds(KEY, worker=number).make() for number in (2, 1, 3))
    # As a client may choose it: of the right length, and with the predecessor's number.
    chosen = theirs_id[:-1] + bytes((theirs_id[-1] ^ 1,))
    handshake = b"\xe0" + (1).to_bytes(4, "big") + b"\x08" + theirs_id + b"\x00" + bytes(40)
    with ours, theirs, inbox, outbox:
        predecessor = Relay(inbox, {})
        with made(Relay(ours, {2: outbox})) as place:
            for data in (initial(destination=theirs_id), handshake):
                assert place.judge(data) is None
                assert predecessor.read(10) == [(0, data, HERE)]
            for destination in (chosen, own_id, gone):
                assert place.judge(initial(destination=destination)) == Admitted(None)
            assert place.judge(handshake.replace(theirs_id, chosen)) is None
            # A Retry of the predecessor's has given this id; the connection begins here.
            answer = place.judge(initial(), opening=10)
            assert isinstance(answer, bytes)
            assert place.judge(initial(answer[13:], theirs_id)) == b"refused"
            assert predecessor.read(10) == []
