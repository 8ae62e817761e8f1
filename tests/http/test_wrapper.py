"""Wrappers and lifecycles: what passes through, and what is changed on its way."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from h2static.http.exchange import Application, Exchange, Handover, Outcome
from h2static.http.lifecycle import Lifecycle, lifecycle_of
from h2static.http.messages import Request, Response
from h2static.http.wrapper import WrappedExchange, Wrapper
from tests.support.exchange import FakeExchange, ask

MOMENTS = ("start", "new_batch", "release", "drain", "stop")


class Inner(Lifecycle):
    """Writes down what it is asked."""

    __slots__ = ("calls", "exchanges", "prepared", "response")

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.exchanges: list[Exchange] = []
        self.prepared: Response | None = None
        self.response = _response(b"inner")

    def recall(self, request: Request) -> Response | None:
        self.calls.append("recall")
        return self.prepared

    def handle(self, exchange: Exchange) -> None:
        self.calls.append("handle")
        self.exchanges.append(exchange)
        if exchange.request.path == b"/job":
            exchange.work(lambda: self.response)
        elif exchange.request.path != b"/keep":
            exchange.respond(self.response)

    def refuse(self, status: int, request: Request | None) -> Response:
        self.calls.append(f"refuse {status}")
        return _response(b"refused")

    def start(self) -> None:
        self.calls.append("start")

    def new_batch(self) -> None:
        self.calls.append("new_batch")

    def release(self) -> None:
        self.calls.append("release")

    def shrink(self) -> None:
        self.calls.append("shrink")

    def drain(self) -> None:
        self.calls.append("drain")

    def stop(self) -> None:
        self.calls.append("stop")


class Silent:
    """An application without a lifecycle."""

    def recall(self, request: Request) -> Response | None:
        return None

    def handle(self, exchange: Exchange) -> None:
        exchange.respond(_response(b"silent"))

    def refuse(self, status: int, request: Request | None) -> Response:
        return _response(b"refused")


class Shouting(Wrapper):
    """Makes what is inside upper case."""

    __slots__ = ()

    def recall(self, request: Request) -> Response | None:
        return None

    def handle(self, exchange: Exchange) -> None:
        self._inner.handle(WrappedExchange(exchange, _shout))


def _response(octets: bytes) -> Response:
    return Response(status=200, fields=(), body=octets)


def _shout(response: Response) -> Response:
    assert isinstance(response.body, bytes)
    return replace(response, body=response.body.upper())


def _request(path: bytes = b"/") -> Request:
    return Request(method=b"GET", scheme=b"http", authority=b"a", path=path, fields=())


def test_a_wrapper_passes_everything_on() -> None:
    inner = Inner()
    inner.prepared = _response(b"prepared")
    wrapper: Application = Wrapper(inner)
    exchange = FakeExchange(_request())
    assert wrapper.recall(exchange.request) is inner.prepared
    wrapper.handle(exchange)
    assert exchange.response is inner.response
    assert inner.exchanges == [exchange]
    assert wrapper.refuse(431, None).body == b"refused"
    assert inner.calls == ["recall", "handle", "refuse 431"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_wrapper_passes_its_lifecycle_on(moment: str) -> None:
    inner = Inner()
    getattr(Wrapper(Wrapper(inner)), moment)()
    assert inner.calls == [moment]


def test_where_memory_is_short_a_wrapper_and_what_is_inside_give_theirs_back() -> None:
    inner = Inner()
    Wrapper(Wrapper(inner)).shrink()
    assert inner.calls[-1] == "shrink"
    assert set(inner.calls) == {"release", "shrink"}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_application_without_a_lifecycle_need_not_have_one(moment: str) -> None:
    getattr(Wrapper(Silent()), moment)()
    getattr(lifecycle_of(Silent()), moment)()


def test_the_lifecycle_of_an_application() -> None:
    inner = Inner()
    assert lifecycle_of(inner) is inner
    wrapper = Wrapper(inner)
    assert lifecycle_of(wrapper) is wrapper
    assert lifecycle_of(object()) is lifecycle_of(Silent())


def test_responses_are_changed_on_their_way() -> None:
    assert ask(Shouting(Inner()), _request()).body == b"INNER"
    assert ask(Shouting(Wrapper(Shouting(Silent()))), _request()).body == b"SILENT"


def test_the_response_of_a_job_is_changed_where_the_job_is_done() -> None:
    inner = Inner()
    exchange = FakeExchange(_request(b"/job"))
    threads: list[int] = []

    def change(response: Response) -> Response:
        threads.append(threading.get_ident())
        return _shout(response)

    inner.handle(WrappedExchange(exchange, change))
    (job,) = exchange.jobs
    assert threads == []
    results: list[Outcome] = []
    thread = threading.Thread(target=lambda: results.append(job()))
    thread.start()
    thread.join()
    (result,) = results
    assert isinstance(result, Response)
    assert result.body == b"INNER"
    assert threads == [thread.ident]


def test_a_job_that_hands_over_does_so_to_a_changed_exchange() -> None:
    exchange = FakeExchange(_request(b"/job"))
    wrapped = WrappedExchange(exchange, _shout)
    wrapped.work(lambda: Handover(Inner().handle))
    exchange.run_jobs()
    exchange.run_jobs()
    assert exchange.response is not None
    assert exchange.response.body == b"INNER"


def test_a_response_from_outside_is_changed_as_well() -> None:
    inner = Inner()
    exchange = FakeExchange(_request(b"/keep"))
    Shouting(inner).handle(exchange)
    assert exchange.response is None
    inner.exchanges[0].respond(_response(b"later"))
    assert exchange.answer().body == b"LATER"


def test_a_wrapped_exchange_passes_on_what_is_no_response() -> None:
    exchange = FakeExchange(_request(), content=True)
    wrapped = WrappedExchange(exchange, _shout)
    lost: list[str] = []
    sink = _Sink()
    assert wrapped.request is exchange.request
    assert wrapped.client is exchange.client
    wrapped.inform(103, ((b"link", b"</a>"),))
    wrapped.accept(sink)
    wrapped.when_lost(lambda: lost.append("lost"))
    assert not exchange.send(b"content")
    wrapped.resume()
    assert exchange.resumed == 1
    assert exchange.informed == [(103, ((b"link", b"</a>"),))]
    wrapped.abort("a reason")
    assert exchange.aborted == "a reason"
    exchange.lose()
    assert lost == ["lost"]
    assert sink.calls == ["receive", "abandon"]


def test_the_application_inside_may_see_another_request() -> None:
    asked, seen = _request(b"/asked"), _request(b"/seen")
    exchange = FakeExchange(asked)
    wrapped = WrappedExchange(exchange, _shout, request=seen)
    assert wrapped.request is seen
    assert exchange.request is asked


class _Sink:
    """Has enough at once."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def receive(self, data: bytes) -> bool:
        self.calls.append("receive")
        return False

    def end(self, trailers: object) -> None:
        self.calls.append("end")

    def abandon(self) -> None:
        self.calls.append("abandon")
