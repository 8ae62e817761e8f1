"""Random orders of everything that clients and applications do, against every engine.

Promise: whatever the order, every request that is answered gets the response that is its own, no
sink is left neither ended nor abandoned, every reader is closed once, and nobody hears of a client
that has gone more than once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2static.http.exchange import Exchange
from h2static.http.messages import Response
from tests.contracts.applications import ProbeBody, ProbeSink, Scripted, text
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import DIALECTS, Dialect

T = TypeVar("T")


@dataclass(slots=True, kw_only=True, eq=False)
class _Asked:
    """A request, as its client sees it."""

    number: int
    #: More content may be sent.
    open: bool
    sent: bytearray = field(default_factory=bytearray)
    gone: bool = False
    #: Its whole reply was looked at.
    seen: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _Handled:
    """A request, as its application sees it."""

    exchange: Exchange
    sink: ProbeSink | None = None
    lost: int = 0


class Play:
    """One connection; each method is something that may happen."""

    def __init__(self, dialect: Dialect, choose: Callable[[int], int]) -> None:
        """``choose`` gives a number below its argument."""
        self._choose = choose
        self.application = Scripted(self._handle)
        self.application.prepared[b"/prepared"] = text(200, b"/prepared", prepared=True)
        self.talk = Conversation(dialect, self.application)
        self.asked: list[_Asked] = []
        self.handled: list[_Handled] = []
        self._multiplexed = dialect.multiplexed

    # ------------------------------------------------------------------ the client's side

    def ask(self) -> None:
        """A request, if the protocol has room for one."""
        if not self._multiplexed and self.asked and self.asked[-1].open:
            # The next request begins where the content of this one ends.
            if self._choose(2):
                return
            self._end(self.asked[-1])
        number = len(self.asked)
        path = b"/prepared" if self._choose(5) == 0 else b"/%d" % number
        if self._choose(2):
            self.talk.request(path, method=b"POST", unfinished=True)
            self.asked.append(_Asked(number=number, open=True))
        else:
            self.talk.request(path)
            self.asked.append(_Asked(number=number, open=False))

    def send(self) -> None:
        """Some content."""
        asked = self._one([item for item in self.asked if item.open])
        if asked is not None:
            data = bytes([self._choose(256)]) * (1 + self._choose(20) ** 4)
            asked.sent += data
            self.talk.send(asked.number, data)

    def finish(self) -> None:
        """The end of content."""
        asked = self._one([item for item in self.asked if item.open])
        if asked is not None:
            self._end(asked)

    def _end(self, asked: _Asked) -> None:
        asked.open = False
        self.talk.end(asked.number, ((b"x-t", b"1"),) if self._choose(2) else ())

    def cancel(self) -> None:
        """A client gives one request up, where it can."""
        asked = self._one([item for item in self.asked if not item.gone])
        if asked is not None and self._multiplexed and not self.talk.reply(asked.number).whole:
            asked.gone, asked.open = True, False
            self.talk.client.cancel(asked.number)

    def read(self) -> None:
        """The client reads again, or not."""
        self.talk.taking = not self.talk.taking

    def end_input(self) -> None:
        """The client sends nothing more."""
        if self._choose(12) == 0:
            self.talk.end_input()

    def drain(self) -> None:
        """The server is about to stop."""
        if self._choose(12) == 0:
            self.talk.drain()

    def settle(self) -> None:
        """The driver has time."""
        self.talk.settle()

    def pass_time(self) -> None:
        """So does the clock."""
        self.talk.step(self._choose(40))

    # ------------------------------------------------------------------ the application's side

    def _handle(self, exchange: Exchange) -> None:
        handled = _Handled(exchange=exchange)
        self.handled.append(handled)

        def lost() -> None:
            handled.lost += 1
            if self._choose(4) == 0:
                self._act(handled)

        exchange.when_lost(lost)
        for _ in range(self._choose(3)):
            self._act(handled)

    def act(self) -> None:
        """An application does something with one of its exchanges, over or not."""
        handled = self._one(self.handled[-30:])
        if handled is not None:
            self._act(handled)

    def work(self) -> None:
        """A thread has time for one of the jobs, whichever it is."""
        if self.talk.engine.jobs:
            self.talk.engine.jobs.rotate(self._choose(len(self.talk.engine.jobs)))
            self.talk.run_job()

    def _act(self, handled: _Handled) -> None:
        exchange = handled.exchange
        kind = self._choose(8)
        if kind == 0 and handled.sink is None:
            handled.sink = self._sink(handled)
            exchange.accept(handled.sink)
        elif kind == 1:
            exchange.respond(self._response(exchange))
        elif kind == 2:
            exchange.respond(text(200, exchange.request.path, early=self._choose(2) == 0))
        elif kind == 3:
            exchange.work(lambda: self._response(exchange))
        elif kind == 4 and self._choose(8) == 0:
            exchange.abort("by chance")
        elif kind == 5:
            exchange.inform(103, ((b"link", b"</a>"),))
        elif kind == 6:
            reader = self._one(self.application.ledger.readers[-10:])
            if reader is not None:
                reader.wake()
        else:
            exchange.resume()

    def _sink(self, handled: _Handled) -> ProbeSink:
        """A sink whose application may do anything whenever the sink is called."""

        def perhaps_act() -> None:
            if self._choose(4) == 0:
                self._act(handled)

        def takes(data: bytes) -> bool:
            perhaps_act()
            return self._choose(2) == 0

        return ProbeSink(
            self.application.ledger,
            takes=takes,
            on_end=lambda trailers: perhaps_act(),
            on_abandon=perhaps_act,
        )

    def _response(self, exchange: Exchange) -> Response:
        octets = exchange.request.path * (1 + self._choose(3_000))
        cut = self._choose(len(octets))
        pieces: list[bytes | None] = [octets[:cut], None, octets[cut:]] if cut else [octets]
        body = ProbeBody(
            self.application.ledger,
            pieces,
            length=len(octets) if self._choose(2) else None,
            reuses_buffer=self._choose(2) == 0,
            wakes=self._choose(4) != 0,
        )
        fields = () if body.length is None else ((b"content-length", b"%d" % body.length),)
        return Response(status=200, fields=fields, body=body)

    def _one(self, items: list[T]) -> T | None:
        return items[self._choose(len(items))] if items else None

    # ------------------------------------------------------------------ what holds

    def check(self) -> None:
        """What holds at every moment."""
        self.application.ledger.assert_right()
        for asked in self.asked:
            reply = self.talk.reply(asked.number)
            if reply.whole and not asked.seen:
                asked.seen = True
                if reply.status == 200:
                    path, content = self._path(asked), reply.content
                    assert content == path * (len(content) // len(path)), (path, content[:50])
        for handled in self.handled:
            assert handled.lost <= 1

    def _path(self, asked: _Asked) -> bytes:
        for handled in self.handled:
            if handled.exchange.request.path == b"/%d" % asked.number:
                return b"/%d" % asked.number
        return b"/prepared"

    def finish_all(self) -> None:
        """The connection ends, and everything is given back."""
        self.talk.close()
        self.check()
        self.application.ledger.assert_settled()
        assert self.talk.shared.held.octets == 0
        # Each request was handled at most once, and none that was recalled.
        paths = [handled.exchange.request.path for handled in self.handled]
        assert len(set(paths)) == len(paths)
        assert b"/prepared" not in paths
        for handled in self.handled:
            if handled.sink is not None and handled.sink.ended:
                number = int(handled.exchange.request.path[1:])
                assert handled.sink.data == self.asked[number].sent
        assert len(self.talk.journal) <= len(self.asked)


#: What may happen, and how often beside the others.
_MOVES: tuple[tuple[int, Callable[[Play], None]], ...] = (
    (6, Play.ask),
    (8, Play.send),
    (4, Play.finish),
    (2, Play.cancel),
    (1, Play.read),
    (8, Play.settle),
    (1, Play.pass_time),
    (1, Play.end_input),
    (1, Play.drain),
    (12, Play.act),
    (3, Play.work),
)
_DECK = tuple(move for weight, move in _MOVES for _ in range(weight))


def _play(dialect: Dialect, choose: Callable[[int], int], moves: int) -> Play:
    play = Play(dialect, choose)
    for _ in range(moves):
        if play.talk.closed:
            break
        _DECK[choose(len(_DECK))](play)
        play.check()
    play.finish_all()
    return play


@pytest.mark.parametrize("dialect", DIALECTS, ids=[dialect.name for dialect in DIALECTS])
def test_thousands_in_random_order(dialect: Dialect) -> None:
    """Many connections, always the same ones."""
    generator = random.Random(dialect.name)
    sinks = readers = 0
    while sinks < 1_000 or readers < 1_000:
        play = _play(dialect, generator.randrange, 200)
        sinks += len(play.application.ledger.sinks)
        readers += len(play.application.ledger.readers)


@pytest.mark.parametrize("dialect", DIALECTS, ids=[dialect.name for dialect in DIALECTS])
@settings(max_examples=40)
@given(data=st.data())
def test_any_order(dialect: Dialect, data: st.DataObject) -> None:
    """Hypothesis looks for the smallest order that breaks something."""

    def choose(below: int) -> int:
        number: int = data.draw(st.integers(0, below - 1))
        return number

    _play(dialect, choose, data.draw(st.integers(1, 40)))
