"""What every engine promises its application: who is asked, how often, and what becomes of it.

The contract is that of :mod:`h2static.http.exchange` and :mod:`h2static.server.engine`.  Jobs and
clients that go are in ``test_engine_exchanges.py``, content in ``test_engine_content.py``, credit
in ``test_engine_credit.py``, bodies in ``test_engine_bodies.py``, time and the end in
``test_engine_ends.py``, random orders in ``test_engine_properties.py``.
"""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.messages import Response
from tests.contracts.applications import ProbeSink, Scripted, keep, say, text
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect

#: Requests of one read; many times what any engine answers in one turn.
MANY = 300


def _job() -> Response:
    return text(200, b"worked out")


# ---------------------------------------------------------------------- handle or recall


@pytest.mark.parametrize("read_size", [2**20, 1], ids=["one read", "octet by octet"])
def test_each_request_is_handled_once_or_recalled(dialect: Dialect, read_size: int) -> None:
    prepared = {b"/p%d" % i: text(200, b"p%d" % i, prepared=True) for i in range(MANY // 3)}
    application = Scripted(prepared=prepared)
    talk = Conversation(dialect, application, read_size=read_size)
    paths = [b"/p%d" % (i // 3) if i % 3 == 0 else b"/%d" % i for i in range(MANY)]
    numbers = [talk.request(path) for path in paths]
    talk.settle()
    for number, path in zip(numbers, paths, strict=True):
        expected = path[1:] if path in prepared else path
        assert talk.whole_reply(number).content == expected
    handled = [exchange.request.path for exchange in application.handled]
    assert handled == [path for path in paths if path not in prepared]
    application.ledger.assert_settled()


@pytest.mark.parametrize("read_size", [2**20, 1], ids=["one read", "octet by octet"])
def test_the_same_request_again_is_handled_again(dialect: Dialect, read_size: int) -> None:
    count = 0

    def counting(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        exchange.respond(text(200, b"%d" % count))

    talk = Conversation(dialect, Scripted(counting), read_size=read_size)
    numbers = [talk.request(b"/same") for _ in range(MANY)]
    talk.settle()
    assert count == MANY
    assert [int(talk.whole_reply(number).content) for number in numbers] == [*range(1, MANY + 1)]


def test_requests_of_later_reads_are_handled_too(dialect: Dialect) -> None:
    application = Scripted()
    talk = Conversation(dialect, application)
    for i in range(MANY):
        talk.request(b"/%d" % (i % 7))
        talk.settle()
    assert len(application.handled) == MANY
    assert all(reply.whole for reply in talk.client.replies)


def test_what_is_recalled_is_never_handled(dialect: Dialect) -> None:
    prepared = text(200, b"prepared", prepared=True)
    application = Scripted(prepared={b"/": prepared})
    talk = Conversation(dialect, application)
    for _ in range(20):
        number = talk.request(b"/")
        talk.settle()
        assert talk.whole_reply(number).content == b"prepared"
    assert application.handled == []
    assert application.recalled


def test_what_is_no_longer_recalled_is_handled(dialect: Dialect) -> None:
    application = Scripted(say(b"handled"), prepared={b"/": text(200, b"old", prepared=True)})
    talk = Conversation(dialect, application)
    for _ in range(3):
        talk.request(b"/")
        talk.settle()
    application.prepared[b"/"] = text(200, b"new", prepared=True)
    new = talk.request(b"/")
    talk.settle()
    del application.prepared[b"/"]
    handled = talk.request(b"/")
    talk.settle()
    assert talk.whole_reply(new).content == b"new"
    assert talk.whole_reply(handled).content == b"handled"
    assert len(application.handled) == 1


@pytest.mark.parametrize("prepared", [False, True])
def test_a_response_that_changes_is_not_remembered(dialect: Dialect, prepared: bool) -> None:
    """``prepared`` is about the object: another object is another response."""
    count = 0

    def counting(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        exchange.respond(text(200, b"%d" % count, prepared=prepared))

    talk = Conversation(dialect, Scripted(counting))
    contents = []
    for _ in range(5):
        number = talk.request(b"/")
        talk.settle()
        contents.append(talk.whole_reply(number).content)
    assert contents == [b"1", b"2", b"3", b"4", b"5"]


def test_a_prepared_response_with_a_body_opens_it_for_each_request(dialect: Dialect) -> None:
    application = Scripted()
    body = application.body([b"content"], length=7)
    fields = ((b"content-length", b"7"),)
    application.prepared[b"/"] = Response(status=200, fields=fields, body=body, prepared=True)
    talk = Conversation(dialect, application)
    numbers = [talk.request(b"/") for _ in range(5)]
    talk.settle()
    assert [talk.whole_reply(number).content for number in numbers] == [b"content"] * 5
    assert len(application.ledger.readers) == 5
    application.ledger.assert_settled()


def test_the_exchange_says_what_is_asked_and_who_asks(dialect: Dialect) -> None:
    application = Scripted()
    talk = Conversation(dialect, application)
    talk.request(b"/a?b=c", method=b"QUERY", fields=((b"x-one", b"1"),), content=b"q")
    talk.settle()
    (exchange,) = application.handled
    request = exchange.request
    assert (request.method, request.scheme, request.path) == (b"QUERY", b"http", b"/a?b=c")
    assert request.authority == b"example.test"
    assert request.field(b"x-one") == b"1"
    assert request.protocol == b""
    assert exchange.client is talk.peer


def test_two_connections_have_their_own_clients(dialect: Dialect) -> None:
    application = Scripted()
    talks = [Conversation(dialect, application) for _ in range(2)]
    for talk in talks:
        talk.request(b"/")
        talk.settle()
    assert [exchange.client for exchange in application.handled] == [t.peer for t in talks]


def test_responses_carry_the_date(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted())
    first = talk.request(b"/")
    talk.settle()
    talk.shared.date.tick(784_111_778)
    second = talk.request(b"/")
    talk.settle()
    assert talk.reply(first).value(b"date") == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert talk.reply(second).value(b"date") == b"Sun, 06 Nov 1994 08:49:38 GMT"


# ---------------------------------------------------------------------- when the response is given


def test_a_response_from_outside_goes_out_in_the_next_turn(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    assert talk.notified == 0
    (exchange,) = application.handled
    exchange.respond(text(200, b"later"))
    assert talk.notified >= 1
    assert talk.engine.backlog
    assert talk.engine.output_octets == 0
    assert talk.reply(number).status == 0
    talk.take_turn()
    talk.settle()
    assert talk.whole_reply(number).content == b"later"
    assert not talk.engine.backlog


def test_all_actions_from_outside_take_effect_in_their_order(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/", content=b"content")
    talk.settle()
    (exchange,) = application.handled
    sink = application.sink()
    exchange.inform(103, ((b"link", b"</a>"),))
    exchange.accept(sink)
    exchange.inform(103, ((b"link", b"</b>"),))
    exchange.respond(text(200, b"first"))
    exchange.respond(text(200, b"second"))
    assert sink.data == b""
    talk.settle()
    reply = talk.whole_reply(number)
    links = [dict(fields)[b"link"] for status, fields in reply.informational if status == 103]
    assert links == [b"</a>", b"</b>"]
    assert reply.content == b"first"
    application.ledger.assert_settled()


def test_a_request_that_waits_holds_up_no_other_connection_or_stream(dialect: Dialect) -> None:
    application = Scripted({b"/wait": keep})
    talk = Conversation(dialect, application)
    waiting = talk.request(b"/wait")
    other = talk.request(b"/other")
    talk.settle()
    if dialect.multiplexed:
        assert talk.whole_reply(other).content == b"/other"
    else:
        # RFC 9112 section 9.3.2: responses come in the order of the requests.
        assert talk.reply(other).status == 0
    application.handled[0].respond(text(200, b"at last"))
    talk.settle()
    assert talk.whole_reply(waiting).content == b"at last"
    assert talk.whole_reply(other).content == b"/other"


def test_only_the_first_response_counts(dialect: Dialect) -> None:
    def twice(exchange: Exchange) -> None:
        exchange.respond(text(200, b"first"))
        exchange.respond(text(500, b"second"))

    application = Scripted(twice)
    talk = Conversation(dialect, application)
    number, following = talk.request(b"/"), talk.request(b"/")
    talk.settle()
    application.handled[0].respond(text(500, b"third"))
    talk.settle()
    assert talk.whole_reply(number).content == b"first"
    assert talk.whole_reply(following).content == b"first"


def test_nothing_has_an_effect_after_the_response(dialect: Dialect) -> None:
    application = Scripted(say(b"done"))
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    (exchange,) = application.handled
    exchange.inform(103)
    exchange.resume()
    exchange.work(_job)
    exchange.abort("too late")
    exchange.respond(text(500, b"again"))
    following = talk.request(b"/")
    talk.settle()
    assert not talk.closed
    assert not talk.engine.jobs
    assert talk.whole_reply(number).informational == []
    assert talk.whole_reply(following).informational == []


# ---------------------------------------------------------------------- informational responses


def test_informational_responses_come_in_order_before_the_final_one(dialect: Dialect) -> None:
    def informing(exchange: Exchange) -> None:
        exchange.inform(102)
        exchange.inform(103, ((b"link", b"</a>; rel=preload"),))
        exchange.inform(103, ((b"link", b"</b>; rel=preload"),))
        exchange.respond(text(200, b"final"))
        exchange.inform(103, ((b"link", b"</late>; rel=preload"),))

    talk = Conversation(dialect, Scripted(informing))
    numbers = [talk.request(b"/") for _ in range(3)]
    talk.settle()
    for number in numbers:
        reply = talk.whole_reply(number)
        assert [status for status, _ in reply.informational] == [102, 103, 103]
        fields = [item for _, section in reply.informational for item in section]
        links = [value for name, value in fields if name == b"link"]
        assert links == [b"</a>; rel=preload", b"</b>; rel=preload"]
        assert reply.content == b"final"


def test_an_informational_response_goes_out_before_the_final_one_is_known(
    dialect: Dialect,
) -> None:
    application = Scripted(lambda exchange: exchange.inform(103, ((b"link", b"</a>"),)))
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    assert [status for status, _ in talk.reply(number).informational] == [103]
    assert talk.reply(number).status == 0
    application.handled[0].respond(text(200, b"x"))
    talk.settle()
    talk.whole_reply(number)


def test_who_waits_for_100_gets_it_when_a_sink_accepts(dialect: Dialect) -> None:
    application = Scripted()
    application.behaviours = application.swallow
    talk = Conversation(dialect, application)
    expects = ((b"expect", b"100-continue"),)
    number = talk.request(b"/", method=b"POST", fields=expects, unfinished=True, length=5)
    talk.settle()
    assert [status for status, _ in talk.reply(number).informational] == [100]
    talk.send(number, b"hello")
    talk.end(number)
    talk.settle()
    assert talk.whole_reply(number).content == b"5"
    assert len(talk.reply(number).informational) == 1


def test_who_waits_for_100_does_not_get_it_without_a_sink(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted(say(b"no", early=True)))
    expects = ((b"expect", b"100-continue"),)
    number = talk.request(b"/", method=b"POST", fields=expects, unfinished=True, length=5)
    talk.settle()
    assert talk.whole_reply(number).informational == []


def test_100_is_not_sent_when_the_content_came_already(dialect: Dialect) -> None:
    """RFC 9110 section 10.1.1: "MAY omit … if it has already received some or all"."""
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    expects = ((b"expect", b"100-continue"),)
    number = talk.request(b"/", method=b"POST", fields=expects, content=b"hello", length=5)
    talk.settle()
    application.swallow(application.handled[0])
    talk.settle()
    reply = talk.whole_reply(number)
    assert reply.content == b"5"
    assert len(reply.informational) <= 1


# ---------------------------------------------------------------------- nothing where nothing goes


_WITHOUT_CONTENT = [(b"HEAD", 200), (b"HEAD", 404), (b"GET", 204), (b"GET", 304)]


@pytest.mark.parametrize(("method", "status"), _WITHOUT_CONTENT)
def test_no_content_where_there_is_none(dialect: Dialect, method: bytes, status: int) -> None:
    _expect_no_content(dialect, method, status, b"")


@pytest.mark.parametrize(("method", "status"), _WITHOUT_CONTENT)
def test_no_content_where_there_is_none_though_it_was_given(
    dialect: Dialect, method: bytes, status: int
) -> None:
    """What an application gives against its contract must not become the next response."""
    _expect_no_content(dialect, method, status, b"content")


def _expect_no_content(dialect: Dialect, method: bytes, status: int, octets: bytes) -> None:
    fields = () if status == 204 else ((b"content-length", b"7"),)
    response = Response(status=status, fields=fields, body=octets)
    application = Scripted({b"/": lambda exchange: exchange.respond(response)})
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=method)
    following = talk.request(b"/following")
    talk.settle()
    assert talk.whole_reply(number, status).content == b""
    assert talk.whole_reply(following).content == b"/following"


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 304)])
def test_a_body_is_not_sent_where_there_is_no_content(
    dialect: Dialect, method: bytes, status: int
) -> None:
    application = Scripted()
    body = application.body([b"content"], length=7)
    response = Response(status=status, fields=((b"content-length", b"7"),), body=body)
    application.behaviours = {b"/": lambda exchange: exchange.respond(response)}
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=method)
    following = talk.request(b"/following")
    talk.settle()
    assert talk.whole_reply(number, status).content == b""
    assert talk.whole_reply(following).content == b"/following"
    application.ledger.assert_settled()


def test_a_refusal_of_head_has_no_content(dialect: Dialect) -> None:
    application = Scripted()
    talk = Conversation(dialect, application)
    fields = tuple((b"x-%d" % i, b"1") for i in range(300))
    number = talk.request(b"/", method=b"HEAD", fields=fields)
    talk.settle()
    assert application.refused == [431]
    assert talk.whole_reply(number, 431).content == b""
    assert application.handled == []


def test_what_the_engine_refuses_reaches_no_application(dialect: Dialect) -> None:
    application = Scripted()
    talk = Conversation(dialect, application)
    fields = tuple((b"x-%d" % i, b"1") for i in range(300))
    number = talk.request(b"/", fields=fields)
    talk.settle()
    assert talk.whole_reply(number, 431).content == b"refused 431\n"
    assert application.handled == []
    assert application.recalled == []
    assert talk.engine.counters.limit_hits == 1


def test_a_sink_of_a_request_without_content_ends_at_once(dialect: Dialect) -> None:
    application = Scripted()
    sinks: list[ProbeSink] = []

    def accepting(exchange: Exchange) -> None:
        sink = application.sink()
        sinks.append(sink)
        exchange.accept(sink)
        assert (sink.ended, sink.data, sink.trailers) == (1, b"", ())
        exchange.respond(text(200, b"empty"))

    application.behaviours = accepting
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    assert talk.whole_reply(number).content == b"empty"
    application.ledger.assert_settled()
