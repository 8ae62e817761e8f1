"""A medium that does not answer: who waits for it waits alone."""

from __future__ import annotations

import threading

import pytest

from tests.faults.outcomes import AGAIN, IO_ERROR
from tests.faults.test_files import FETCH, READ_NOW, WHOLE, WHOLE_LARGE
from tests.faults.world import ENDED, Answer, World
from tests.support.faults import Faults, Outcome
from tests.support.processes import DEADLINE


class Hanging:
    """A call that comes back when it is told to."""

    def __init__(self, then: Outcome | None) -> None:
        self._then = then
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def outcome(self) -> Outcome:
        """Hangs, and then does what it should or fails."""

        def act(call: str, real: object, *arguments: object, **named: object) -> object:
            self.reached.set()
            assert self.go_on.wait(DEADLINE)
            if self._then is not None:
                return self._then.act(call, real, *arguments, **named)
            assert callable(real)
            return real(*arguments, **named)

        return Outcome(name="hangs", act=act)


@pytest.mark.parametrize(
    ("then", "expected"), [(None, WHOLE_LARGE), (IO_ERROR, ENDED)], ids=["whole", "EIO"]
)
def test_a_read_that_hangs_holds_nobody_up(
    world: World, faults: Faults, then: Outcome | None, expected: Answer
) -> None:
    """Not those who ask on the same connection, nor others; only its stream ends if it fails."""
    # The sample of its beginning is read before.
    passes = 1
    hanging = Hanging(then)
    with faults.at(READ_NOW, AGAIN, passes=passes), faults.at(FETCH, hanging.outcome()):
        visitor = world.visit()
        reply = visitor.begin("/large.bin")
        assert hanging.reached.wait(DEADLINE)
        try:
            assert visitor.ask("/small.txt") == WHOLE
            world.is_well()
            assert not reply.whole
            assert not reply.broken
        finally:
            hanging.go_on.set()
        assert visitor.finish(reply) == expected
    assert visitor.ask("/small.txt") == WHOLE
    assert ("Input/output error" in world.errors()) == (then is IO_ERROR)
    assert world.rest().streams == 0
