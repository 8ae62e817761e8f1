"""A fake application that does what a test says, and probes that notice a broken contract.

Promise: :class:`Scripted` writes down every ``recall`` and ``handle``; :class:`ProbeSink` and
:class:`ProbeBody` write down what is done with them in a :class:`Ledger`, which says at the end of
a test whether every sink was ended or abandoned exactly once and every reader closed exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from h2static.http.bodies import BodyReader
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Request, Response

Behaviour: TypeAlias = Callable[[Exchange], None]


def text(status: int, octets: bytes, *, early: bool = False, prepared: bool = False) -> Response:
    """A response with ``octets`` as its content and the length of it."""
    fields = ((b"content-type", b"text/plain"), (b"content-length", b"%d" % len(octets)))
    return Response(status=status, fields=fields, body=octets, early=early, prepared=prepared)


def say(octets: bytes, *, early: bool = False) -> Behaviour:
    """Respond at once."""
    return lambda exchange: exchange.respond(text(200, octets, early=early))


def keep(exchange: Exchange) -> None:
    """Do nothing: the test has the exchange from the application."""


class Ledger:
    """What probes have seen; see the module."""

    def __init__(self) -> None:
        self.sinks: list[ProbeSink] = []
        self.readers: list[ProbeReader] = []
        self.faults: list[str] = []

    def fault(self, what: str) -> None:
        """Something that the contract forbids; raised at the end, for engines may catch a lot."""
        self.faults.append(what)

    def assert_right(self) -> None:
        """Nothing forbidden has happened so far."""
        assert not self.faults, self.faults[:5]

    def assert_settled(self) -> None:
        """Nothing is left alive."""
        self.assert_right()
        alive = [sink for sink in self.sinks if sink.ended + sink.abandoned != 1]
        assert not alive, f"{len(alive)} of {len(self.sinks)} sinks neither ended nor abandoned"
        still_open = [reader for reader in self.readers if reader.closed != 1]
        assert not still_open, f"{len(still_open)} of {len(self.readers)} readers are open"


class ProbeSink:
    """A sink that notices what the contract forbids."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        takes: Callable[[bytes], bool] = lambda data: True,
        on_end: Callable[[Fields], None] = lambda trailers: None,
        on_abandon: Callable[[], None] = lambda: None,
    ) -> None:
        """``takes``: what :meth:`receive` says."""
        self._received = bytearray()
        self.trailers: Fields = ()
        self.ended = 0
        self.abandoned = 0
        self._ledger = ledger
        self.takes = takes
        self._on_end = on_end
        self._on_abandon = on_abandon
        ledger.sinks.append(self)

    @property
    def data(self) -> bytes:
        """What has come so far."""
        return bytes(self._received)

    def receive(self, data: bytes) -> bool:
        if not data:
            self._ledger.fault("receive() of nothing")
        kind: type = type(data)
        if not issubclass(kind, bytes):
            self._ledger.fault(f"receive() of {kind.__name__}")
        if self.ended or self.abandoned:
            self._ledger.fault("receive() after the end")
        self._received += data
        return self.takes(data)

    def end(self, trailers: Fields) -> None:
        if self.ended or self.abandoned:
            self._ledger.fault("end() after the end")
        self.ended += 1
        self.trailers = trailers
        self._on_end(trailers)

    def abandon(self) -> None:
        if self.ended or self.abandoned:
            self._ledger.fault("abandon() after the end")
        self.abandoned += 1
        self._on_abandon()


#: What a reading gives next: octets, ``None`` (it would block), or a failure of the medium.
Piece: TypeAlias = bytes | OSError | None


class ProbeBody:
    """A body whose readings notice what the contract forbids."""

    def __init__(
        self,
        ledger: Ledger,
        pieces: Iterable[Piece],
        *,
        length: int | None = None,
        trailers: Fields = (),
        reuses_buffer: bool = False,
        wakes: bool = True,
        openable: bool = True,
    ) -> None:
        """``wakes``: a reading that would block goes on at once; otherwise the test calls
        :meth:`ProbeReader.wake`.
        """
        self.length = length
        self.pieces: Sequence[Piece] = list(pieces)
        self.response_trailers = trailers
        self.reuses_buffer = reuses_buffer
        self.wakes = wakes
        self.openable = openable
        self.ledger = ledger

    def open(self) -> BodyReader:
        if not self.openable:
            raise OSError("gone")
        reader = ProbeReader(self)
        self.ledger.readers.append(reader)
        return reader


class ProbeReader:
    """One reading of a :class:`ProbeBody`."""

    def __init__(self, body: ProbeBody) -> None:
        self._body = body
        self._ledger = body.ledger
        self._left = list(reversed(body.pieces))
        self._buffer = bytearray()
        self._wakes: list[Callable[[], None]] = []
        self.reuses_buffer = body.reuses_buffer
        #: Octets that were read, and how often ``close`` was called.
        self.octets = 0
        self.closed = 0
        self._asked_for_trailers = False
        self._at_end = False

    def read(self, size: int) -> bytes | memoryview | None:
        if self.closed:
            self._ledger.fault("read() after close()")
        if self._at_end:
            self._ledger.fault("read() after the end")
        if size <= 0:
            self._ledger.fault(f"read({size})")
        if self.reuses_buffer:
            # What the last read gave is no longer valid.
            self._buffer[:] = b"!" * len(self._buffer)
        if not self._left:
            self._at_end = True
            return b""
        piece = self._left.pop()
        if isinstance(piece, OSError):
            raise piece
        if piece is None:
            return None
        if len(piece) > size:
            self._left.append(piece[size:])
            piece = piece[:size]
        self.octets += len(piece)
        if not self.reuses_buffer:
            return piece
        if len(self._buffer) < len(piece):
            self._buffer = bytearray(len(piece))
        self._buffer[: len(piece)] = piece
        return memoryview(self._buffer)[: len(piece)]

    def wait(self, wake: Callable[[], None]) -> None:
        if self._body.wakes:
            wake()
        else:
            self._wakes.append(wake)

    def wake(self) -> None:
        """The medium has more."""
        wakes, self._wakes = self._wakes, []
        for wake in wakes:
            wake()

    def trailers(self) -> Fields:
        if self._asked_for_trailers:
            self._ledger.fault("trailers() twice")
        self._asked_for_trailers = True
        return self._body.response_trailers

    def close(self) -> None:
        self.closed += 1


class Scripted:
    """Answers by path: a prepared response is recalled, everything else does as it is told."""

    def __init__(
        self,
        behaviours: dict[bytes, Behaviour] | Behaviour | None = None,
        *,
        prepared: dict[bytes, Response] | None = None,
    ) -> None:
        """``behaviours``: by path, or one for all; without it the response is the path."""
        self.behaviours = behaviours
        self.prepared = prepared or {}
        self.ledger = Ledger()
        #: Requests that were looked up; exchanges that were handled, in order.
        self.recalled: list[Request] = []
        self.handled: list[Exchange] = []
        self.refused: list[int] = []

    def recall(self, request: Request) -> Response | None:
        self.recalled.append(request)
        return self.prepared.get(request.path)

    def handle(self, exchange: Exchange) -> None:
        if any(exchange is other for other in self.handled[-1000:]):
            self.ledger.fault(f"handle() twice for {exchange.request.path!r}")
        self.handled.append(exchange)
        if callable(self.behaviours):
            self.behaviours(exchange)
            return
        behaviour = (self.behaviours or {}).get(exchange.request.path)
        if behaviour is None:
            exchange.respond(text(200, exchange.request.path))
        else:
            behaviour(exchange)

    def refuse(self, status: int, request: Request | None) -> Response:
        self.refused.append(status)
        if request is not None and request.method == b"HEAD":
            return Response(status=status, fields=())
        return text(status, b"refused %d\n" % status)

    # ------------------------------------------------------------------ behaviours

    def body(self, pieces: Iterable[Piece], *, length: int | None = None) -> ProbeBody:
        """A body that is watched."""
        return ProbeBody(self.ledger, pieces, length=length)

    def sink(self, takes: Callable[[bytes], bool] = lambda data: True) -> ProbeSink:
        """A sink that is watched."""
        return ProbeSink(self.ledger, takes=takes)

    def swallow(self, exchange: Exchange) -> None:
        """Take the content, then respond with how much it was."""
        sink = ProbeSink(
            self.ledger,
            on_end=lambda trailers: exchange.respond(text(200, b"%d" % len(sink.data))),
        )
        exchange.accept(sink)
