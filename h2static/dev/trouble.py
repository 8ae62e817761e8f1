"""Deliberately slow and failing responses: ``--delay``, ``--rate`` and ``--fail``.

Contract: an application around another one.  Of each kind, the last rule whose pattern matches a
path applies.  A delay holds a request before it reaches the wrapped application; a rate limits the
content of each response on its own stream, whatever else the connection carries; a failure replaces
the response with the rule's probability.  Dev mode's own requests are not affected.  When the
server is about to stop, nothing is slowed down.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from h2static.config import Config
from h2static.dev.alarm import Alarm
from h2static.dev.injection import PREFIX
from h2static.http.bodies import Body, BodyReader
from h2static.http.exchange import Application, Exchange
from h2static.http.fields import SERVER_FIELD, Fields
from h2static.http.messages import Request, Response
from h2static.http.wrapper import WrappedExchange, Wrapper
from h2static.site.octets import OctetBody
from h2static.site.patterns import Pattern

_OWN_PATHS = PREFIX.encode("ascii")
#: Seconds of a rate that may be sent in one burst: short enough to look steady.
_SLICE = 0.05

_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True, frozen=True)
class Troubles:
    """Delays, rates and failures, by pattern."""

    #: Seconds.
    delays: Sequence[tuple[Pattern, float]] = ()
    #: Octets a second.
    rates: Sequence[tuple[Pattern, int]] = ()
    #: Status, and how often of 1.
    failures: Sequence[tuple[Pattern, tuple[int, float]]] = ()


def make_trouble(
    config: Config, inner: Application, post: Callable[[Callable[[], None]], None]
) -> TroubleApplication:
    """``inner`` with the delays, rates and failures of ``config`` around it."""
    troubles = Troubles(delays=config.delay, rates=config.rate, failures=config.fail)
    return TroubleApplication(inner, troubles, post=post, chance=random.random)


class TroubleApplication(Wrapper):
    """Delays, slows down and fails responses of the wrapped application."""

    def __init__(
        self,
        inner: Application,
        troubles: Troubles,
        *,
        post: Callable[[Callable[[], None]], None],
        chance: Callable[[], float],
        alarm: Alarm | None = None,
    ) -> None:
        """``post`` has something done in the loop's thread; ``chance`` gives numbers from 0 to 1,
        which is left out."""
        super().__init__(inner)
        self._troubles = troubles
        self._post = post
        self._chance = chance
        self._alarm = Alarm() if alarm is None else alarm

    def recall(self, request: Request) -> Response | None:
        """The wrapped application's recalled response, for unaffected requests."""
        return self._inner.recall(request) if self._is_left_alone(request) else None

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        if self._is_left_alone(exchange.request):
            self._inner.handle(exchange)
            return
        delay = _last(self._troubles.delays, _path(exchange.request))
        if not delay:
            self._handle(exchange)
            return
        call_off = self._alarm.call(delay, lambda: self._post(lambda: self._handle(exchange)))
        exchange.when_lost(call_off)

    def drain(self) -> None:
        """Drain the wrapped application; delays end, so that they do not hold up the exit."""
        self._alarm.hurry()
        super().drain()

    def stop(self) -> None:
        """Stop the wrapped application, and abandon waiting requests."""
        self._alarm.stop()
        super().stop()

    def _handle(self, exchange: Exchange) -> None:
        path = _path(exchange.request)
        failure = _last(self._troubles.failures, path)
        if failure is not None and self._chance() < failure[1]:
            exchange.respond(_failed(failure[0], head=exchange.request.method == b"HEAD"))
            return
        rate = _last(self._troubles.rates, path)
        if rate is None:
            self._inner.handle(exchange)
        else:
            self._inner.handle(WrappedExchange(exchange, lambda one: self._slow(one, rate)))

    def _slow(self, response: Response, rate: int) -> Response:
        body = response.body
        if isinstance(body, bytes):
            if not body:
                return response
            body = OctetBody(body, ((0, len(body)),))
        return replace(response, body=_SlowBody(body, rate, self._alarm), prepared=False)

    def _is_left_alone(self, request: Request) -> bool:
        path = _path(request)
        troubles = self._troubles
        return path.startswith(_OWN_PATHS) or not any(
            pattern.matches(path)
            for rules in (troubles.delays, troubles.rates, troubles.failures)
            for pattern, _ in rules
        )


def _path(request: Request) -> bytes:
    return unquote_to_bytes(request.path.partition(b"?")[0])


def _last(rules: Sequence[tuple[Pattern, _T]], path: bytes) -> _T | None:
    return next((what for pattern, what in reversed(rules) if pattern.matches(path)), None)


def _failed(status: int, *, head: bool) -> Response:
    text = f"{status}: this response fails on purpose (--fail).\n".encode()
    fields: Fields = (
        SERVER_FIELD,
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(text)),
        (b"content-type", b"text/plain; charset=utf-8"),
    )
    return Response(status=status, fields=fields, body=b"" if head else text, early=True)


class _SlowBody:
    """A body whose readers deliver at most a given number of octets per second."""

    def __init__(self, inner: Body, rate: int, alarm: Alarm) -> None:
        self._inner = inner
        self._rate = rate
        self._alarm = alarm
        self.length = inner.length

    def open(self) -> BodyReader:
        """Implement :meth:`h2static.http.bodies.Body.open`."""
        return _SlowReader(self._inner.open(), self._rate, self._alarm)


class _SlowReader:
    """See :class:`h2static.http.bodies.BodyReader`."""

    def __init__(self, inner: BodyReader, rate: int, alarm: Alarm) -> None:
        self._inner = inner
        self._rate = rate
        self._alarm = alarm
        self._least = max(1.0, rate * _SLICE)
        self._room = self._least
        self._filled = time.monotonic()
        self.reuses_buffer = inner.reuses_buffer

    def read(self, size: int) -> bytes | memoryview | None:
        """Implement :meth:`h2static.http.bodies.BodyReader.read`."""
        self._fill()
        if self._room < 1:
            return None
        piece = self._inner.read(size if self._room > size else int(self._room))
        if piece:
            self._room -= len(piece)
        return piece

    def _fill(self) -> None:
        now = time.monotonic()
        if self._alarm.hurrying:
            self._room = math.inf
            return
        self._room = min(self._least, self._room + (now - self._filled) * self._rate)
        self._filled = now

    def wait(self, wake: Callable[[], None]) -> None:
        """Implement :meth:`h2static.http.bodies.BodyReader.wait`."""
        if self._room < 1:
            self._alarm.call((self._least - self._room) / self._rate, wake)
        else:
            self._inner.wait(wake)

    def trailers(self) -> Fields:
        """Implement :meth:`h2static.http.bodies.BodyReader.trailers`."""
        return self._inner.trailers()

    def close(self) -> None:
        """Implement :meth:`h2static.http.bodies.BodyReader.close`."""
        self._inner.close()
