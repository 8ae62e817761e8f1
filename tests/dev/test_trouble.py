"""Slow and broken answers on purpose."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import pytest

from h2static.command.options.troubles import parse_delay, parse_failure, parse_rate
from h2static.dev.alarm import Alarm
from h2static.dev.trouble import TroubleApplication, Troubles
from h2static.http.bodies import BodyReader
from tests.dev.support import FakeSite, request, text_response
from tests.support.exchange import FakeExchange, ask


class FakeAlarm(Alarm):
    """What is to be done, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def call(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        one = (seconds, action)
        self.calls.append(one)
        return lambda: self.calls.remove(one)


def trouble(
    site: FakeSite, troubles: Troubles, alarm: Alarm | None = None, chance: float = 0.0
) -> TroubleApplication:
    return TroubleApplication(
        site, troubles, post=lambda action: action(), chance=lambda: chance, alarm=alarm
    )


def test_a_delay_holds_a_request_back() -> None:
    alarm, site = FakeAlarm(), FakeSite(text_response(prepared=True))
    rules = (parse_delay("/api/*=500ms"), parse_delay("/api/fast=1"))
    application = trouble(site, Troubles(delays=rules), alarm)
    slow = request(b"/api/%75sers?x=1")
    exchange = FakeExchange(slow)
    assert application.recall(slow) is None
    application.handle(exchange)
    assert site.handled == []
    ((seconds, action),) = alarm.calls
    assert seconds == 0.5
    action()
    assert site.handled == [slow]
    application.handle(FakeExchange(request(b"/api/fast")))
    assert alarm.calls[-1][0] == 0.001
    # Others, and what dev mode asks for itself, are left alone.
    for path in (b"/index.html", b"/.h2static/events"):
        assert application.recall(request(path)) is not None


def test_who_has_gone_is_not_kept_for_the_time_of_a_delay() -> None:
    alarm = FakeAlarm()
    application = trouble(FakeSite(text_response()), Troubles(delays=(parse_delay("600s"),)), alarm)
    exchange = FakeExchange(request(b"/x"))
    application.handle(exchange)
    exchange.lose()
    assert alarm.calls == []


def test_nothing_is_slow_when_the_server_is_about_to_stop() -> None:
    site = FakeSite(text_response(200, b"x" * 30_000))
    rules = Troubles(delays=(parse_delay("/api/*=600s"),), rates=(parse_rate("/slow=1"),))
    handled = threading.Event()

    def post(action: Callable[[], None]) -> None:
        action()
        handled.set()

    application = TroubleApplication(site, rules, post=post, chance=lambda: 0.5)
    try:
        waiting = FakeExchange(request(b"/api/x"))
        application.handle(waiting)
        slow = ask(application, request(b"/slow")).body
        assert not isinstance(slow, bytes)
        reader, woken = slow.open(), threading.Event()
        assert len(reader.read(100) or b"") == 1
        assert reader.read(100) is None
        reader.wait(woken.set)
        application.drain()
        assert handled.wait(30)
        assert woken.wait(30)
        assert waiting.response is not None
        assert read_all(reader) == b"x" * 29_999
    finally:
        application.stop()


def test_a_failure_takes_the_place_of_the_answer_as_often_as_it_says() -> None:
    site = FakeSite(text_response())
    rules = Troubles(failures=(parse_failure("/api/*=503:10%"),))
    for chance, status in ((0.05, 503), (0.1, 200), (0.9, 200)):
        assert ask(trouble(site, rules, chance=chance), request(b"/api/x")).status == status
    always = Troubles(failures=(parse_failure("/api/*=500"),))
    assert ask(trouble(site, always, chance=0.999), request(b"/api/x")).status == 500
    head = ask(trouble(site, always), request(b"/api/x", method=b"HEAD"))
    assert (head.status, head.body) == (500, b"")


def read_all(reader: BodyReader) -> bytes:
    got = b""
    while True:
        piece = reader.read(1 << 20)
        if piece == b"":
            return got
        if piece is None:
            woken = threading.Event()
            reader.wait(woken.set)
            assert woken.wait(30)
        else:
            got += bytes(piece)


def test_a_rate_bounds_each_response() -> None:
    text = b"x" * 30_000
    site = FakeSite(text_response(200, text, prepared=True))
    application = trouble(site, Troubles(rates=(parse_rate("*=100K"),)))
    try:
        response = ask(application, request(b"/a.jpg"))
        assert not isinstance(response.body, bytes)
        assert response.body.length == len(text)
        assert not response.prepared
        began = time.monotonic()
        assert read_all(response.body.open()) == text
        # The first twentieth of a second comes at once.
        assert time.monotonic() - began > 0.2
        assert ask(application, request(b"/a.jpg", method=b"HEAD")).body is not None
    finally:
        application.stop()


def test_an_alarm_that_was_stopped_does_nothing() -> None:
    """Not even what is due: its thread is held up until it has been stopped."""
    alarm, held, goes_on = Alarm(), threading.Event(), threading.Event()
    never: list[int] = []

    def hold() -> None:
        held.set()
        assert goes_on.wait(30)

    alarm.call(0.01, hold)
    assert held.wait(30)
    alarm.call(0.0, lambda: never.append(1))
    alarm.stop()
    alarm.call(0.0, lambda: never.append(1))
    goes_on.set()
    assert alarm._thread is not None
    alarm._thread.join(30)
    assert not alarm._thread.is_alive()
    assert never == []


def test_an_alarm_keeps_little_of_what_was_called_off() -> None:
    alarm = Alarm()
    try:
        kept = alarm.call(600, lambda: None)
        for _ in range(10_000):
            call_off = alarm.call(600, lambda: None)
            call_off()
            call_off()
        assert len(alarm) < 200
        kept()
        done = threading.Event()
        alarm.call(0.01, done.set)
        assert done.wait(30)
    finally:
        alarm.stop()


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_delay, "200", 0.2),
        (parse_delay, "/a=1.5s", 1.5),
        (parse_rate, "*.jpg=50K", 51_200),
        (parse_failure, "503", (503, 1.0)),
        (parse_failure, "/a=404:2.5%", (404, 0.025)),
    ],
)
def test_rules(parse: Callable[[str], tuple[object, object]], text: str, value: object) -> None:
    assert parse(text)[1] == value


@pytest.mark.parametrize(
    ("parse", "text", "told"),
    [
        (parse_delay, "/a=", "expected TIME or PATTERN=TIME"),
        (parse_delay, "/a=soon", "'soon' is not a time"),
        (parse_delay, "700s", "is more than 600 s"),
        (parse_rate, "/a=0", "no data would ever be sent"),
        (parse_rate, "/a=x", "x"),
        (parse_failure, "/a=200", "200 is not an error status"),
        (parse_failure, "/a=503:200%", "more than 100 %"),
        (parse_failure, "/a=often", "expected a status"),
        (parse_failure, "a/b=503", "a pattern that contains a slash must start with one"),
    ],
)
def test_rules_with_a_fault(parse: Callable[[str], object], text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse(text)
