"""Datagrams that leave together: what the system refuses to cut goes piece by piece."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator

import pytest

from h2static.quic.transport import Path
from h2static.server.datagram_sockets import DatagramSocket

HERE = Path(("192.0.2.7", 40_007))
NARROW = Path(("192.0.2.8", 40_008))
DATAGRAMS = [bytes(1_200)] * 5

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is joined elsewhere")


class Recording(socket.socket):
    """Notes how many datagrams leave with each call, and refuses what a test wants refused."""

    refusals: dict[object, int]
    calls: list[int]

    def sendmsg(  # type: ignore[override]  # no more is needed
        self, pieces: list[bytes], controls: object, flags: int, address: tuple[str, int]
    ) -> int:
        refused = self.refusals.get(address)
        if refused is not None and len(pieces) > 1:
            raise OSError(refused, "refused")
        self.calls.append(len(pieces))
        return 0


@pytest.fixture
def recording() -> Iterator[Recording]:
    with Recording(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.refusals, one.calls = {}, []
        yield one


def test_datagrams_of_one_path_leave_together(recording: Recording) -> None:
    one = DatagramSocket(recording, 0)
    one.write([(data, path) for path in (HERE, NARROW) for data in (*DATAGRAMS, b"short", b"s")])
    assert recording.calls == [6, 1, 6, 1]
    one.write([(bytes(1_200), HERE)] * 130)
    assert sum(recording.calls[4:]) == 130
    assert max(recording.calls) * 1_200 <= 65_000


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EMSGSIZE])
def test_a_narrow_path_makes_no_other_slow(recording: Recording, number: int) -> None:
    """One client can have its path look narrow at will."""
    recording.refusals[NARROW.address] = number
    one = DatagramSocket(recording, 0)
    one.write([(data, NARROW) for data in DATAGRAMS])
    assert recording.calls == [1] * 5
    one.write([(data, HERE) for data in DATAGRAMS])
    assert recording.calls == [1] * 5 + [5]


def test_a_network_card_that_cannot_cut_is_not_asked_again(recording: Recording) -> None:
    recording.refusals = {HERE.address: errno.EIO}
    one = DatagramSocket(recording, 0)
    one.write([(data, HERE) for data in DATAGRAMS])
    one.write([(data, NARROW) for data in DATAGRAMS])
    assert recording.calls == [1] * 10


def test_what_cannot_be_sent_is_lost(recording: Recording) -> None:
    recording.refusals = {HERE.address: errno.ENETUNREACH}
    one = DatagramSocket(recording, 0)
    one.write([(data, HERE) for data in DATAGRAMS])
    assert not one.blocked
    one.write([(data, NARROW) for data in DATAGRAMS])
    assert recording.calls == [5]
