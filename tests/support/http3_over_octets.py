"""An HTTP/3 connection as an engine for octets, so that what holds for all engines is tried on it.

Promise: :class:`Http3OverOctets` does what the driver of datagrams does, in the same order, over a
:class:`~tests.support.fake_quic.FakeQuic`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from h2static.http.bodies import BodyReader
from h2static.http.counters import Counters
from h2static.http.engine import AnswersLater
from h2static.http.exchange import Job, Outcome
from h2static.http.messages import Client
from h2static.http3.connection import ServerConnection
from h2static.http3.service import Service
from tests.support.fake_quic import HERE, FakeQuic

#: Octets on their way above which nothing more is sent.
_WINDOW = 32_768


class Http3OverOctets(AnswersLater):
    """See the module."""

    slack = 0.5

    def __init__(
        self, service: Service, client: Client, now: float, *, notify: Callable[[], None]
    ) -> None:
        limits = service.limits
        self.transport = FakeQuic(
            client=False,
            stream_window=limits.stream_window,
            connection_window=limits.connection_window,
        )
        self.connection = ServerConnection(service, client, self.transport, now, notify=notify)
        self._output = b""
        self._abandoned = False

    # ------------------------------------------------------------------ octets

    def receive(self, data: bytes, now: float) -> None:
        self.transport.receive_datagram(data, HERE, now)
        self.connection.receive(now)
        self._collect(now)

    def receive_eof(self, now: float) -> None:
        # A connection of QUIC has no half that could be closed.
        self.transport.lose()
        self.connection.receive(now)

    def _collect(self, now: float) -> None:
        if self._has_room and not self._abandoned:
            self._output += b"".join(data for data, _ in self.transport.datagrams_to_send(now))

    @property
    def _has_room(self) -> bool:
        """Congestion control, as it were."""
        return len(self._output) < _WINDOW

    def pending(self) -> list[bytes | memoryview]:
        return [self._output] if self._output else []

    @property
    def output_octets(self) -> int:
        return len(self._output)

    def sent(self, count: int, now: float) -> None:
        self._output = self._output[count:]
        self.transport.acknowledge(count)
        self.connection.receive(now)
        self._collect(now)

    @property
    def wants_input(self) -> bool:
        return not self.connection.closing

    # ------------------------------------------------------------------ the engine

    @property
    def backlog(self) -> bool:
        return self.connection.backlog

    @property
    def blocked(self) -> list[tuple[int, BodyReader]]:
        return self.connection.blocked

    @property
    def jobs(self) -> deque[tuple[int, Job]]:
        return self.connection.jobs

    @property
    def closing(self) -> bool:
        return self.connection.closing

    @property
    def has_content(self) -> bool:
        return self._has_room and self.connection.has_content

    @property
    def problem(self) -> str | None:
        return self.connection.problem

    @property
    def counters(self) -> Counters:
        return self.connection.counters

    @property
    def write_progress(self) -> float:
        return self.connection.write_progress

    @property
    def at_rest(self) -> bool:
        return False

    @property
    def open_streams(self) -> int:
        return self.connection.open_streams

    def take_turn(self, now: float) -> None:
        self.connection.take_turn(now)
        self._collect(now)

    def pump(self, now: float, budget: int) -> None:
        if self._has_room:
            self.connection.pump(now, budget)
            self._collect(now)

    def unblock(self, stream_id: int, now: float) -> None:
        self.connection.unblock(stream_id, now)

    def finish_job(self, stream_id: int, outcome: Outcome | None, now: float) -> None:
        self.connection.finish_job(stream_id, outcome, now)
        self._collect(now)

    def deadline(self) -> float | None:
        return self.connection.deadline()

    def check(self, now: float) -> None:
        self.connection.check(now)
        self._collect(now)

    def drain(self, now: float) -> None:
        self.connection.drain(now)
        self._collect(now)

    def abandon(self) -> None:
        self._abandoned = True
        self._output = b""
        self.connection.abandon()
