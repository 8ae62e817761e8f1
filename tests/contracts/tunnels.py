"""Applications that grant tunnels.

Promise: :func:`echo` grants one that sends back what comes; a :class:`Tunnel` is one whose ends the
test holds.
"""

from __future__ import annotations

from h2static.http.exchange import Exchange
from h2static.http.pipe import Pipe
from tests.contracts.applications import ProbeSink, Scripted
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect

#: As in test_engine_credit.
BOUND = 524_288
LARGE = 3 * 1_048_576


def echo(exchange: Exchange) -> None:
    """Send back what comes, and end when the client does."""
    pipe = Pipe(on_room=exchange.resume)
    exchange.tunnel(pipe, pipe, ((b"x-tunnel", b"echo"),))


class Tunnel:
    """An application that grants one tunnel to what the test holds."""

    def __init__(self, *, takes: bool = True) -> None:
        self.application = Scripted({b"/": self._grant})
        self.sink = ProbeSink(self.application.ledger, takes=lambda data: takes)
        self.pipe = Pipe()

    def _grant(self, exchange: Exchange) -> None:
        exchange.tunnel(self.sink, self.pipe)

    def begin(self, dialect: Dialect) -> tuple[Conversation, int]:
        talk = Conversation(dialect, self.application)
        number = talk.tunnel()
        talk.settle()
        assert talk.reply(number).granted
        return talk, number

    def assert_settled(self) -> None:
        self.application.ledger.assert_settled()
