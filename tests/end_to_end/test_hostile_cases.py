"""Every case of the tests by RFC section once more, over a socket.

In process the cases prove the protocol; here the driver has to bring the last frame to the client
and to end the connection in order.  A second connection is served all the while.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.cases import Case, parametrize, run
from tests.conformance.sections import BY_SECTION
from tests.support.peer import Peer
from tests.support.serving import Serving, serving
from tests.support.transports import Wire


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    """One server for all cases."""
    with serving() as running:
        yield running


class Neighbour:
    """A healthy connection beside the hostile ones; it lives as long as the module's tests."""

    def __init__(self, port: int) -> None:
        self.wire = Wire(port)
        self.peer = Peer(self.wire)
        self.next_id = 1

    def ask(self) -> None:
        """Is served within the wire's deadline."""
        self.peer.expect_serves(self.next_id)
        self.next_id += 2


@pytest.fixture(scope="module")
def neighbour(server: Serving) -> Iterator[Neighbour]:
    """A connection that is never disturbed."""
    one = Neighbour(server.port)
    yield one
    one.ask()
    one.wire.close()
    server.wait_for_rest()


@parametrize(BY_SECTION)
def test_a_case_over_a_socket(case: Case, server: Serving, neighbour: Neighbour) -> None:
    wire = Wire(server.port)
    try:
        run(case, wire)
    finally:
        wire.close()
    neighbour.ask()
