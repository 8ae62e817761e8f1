"""What the connections of a worker share: date, counters, journal."""

from __future__ import annotations

from h2static.http import limits
from h2static.http.counters import Counters
from h2static.http.dates import DateField, format_http_date
from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.http.shared import Shared


def test_the_date_is_that_of_the_second() -> None:
    date = DateField()
    assert (date.second, date.value) == (-1, b"")
    date.tick(784_111_777.999)
    assert (date.second, date.value) == (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT")
    date.tick(784_111_778.0)
    assert date.value == b"Sun, 06 Nov 1994 08:49:38 GMT"


def test_the_same_second_is_the_same_object() -> None:
    date = DateField()
    date.tick(100.0)
    value = date.value
    date.tick(100.9)
    assert date.value is value


def test_the_clock_may_be_put_back() -> None:
    date = DateField()
    date.tick(1_000.5)
    date.tick(10.5)
    assert (date.second, date.value) == (10, format_http_date(10))


def test_the_first_second_of_all() -> None:
    date = DateField()
    date.tick(0.0)
    assert date.value == b"Thu, 01 Jan 1970 00:00:00 GMT"


def test_a_clock_before_1970_still_makes_a_date() -> None:
    date = DateField()
    date.tick(-0.5)
    assert date.value == b"Thu, 01 Jan 1970 00:00:00 GMT"
    date.tick(-1.5)
    assert date.value == b"Thu, 01 Jan 1970 00:00:00 GMT"


def test_counters_add_up() -> None:
    total = Counters()
    total.add(Counters(requests=1, resets=2, limit_hits=3))
    total.add(Counters(requests=10, resets=20, limit_hits=30))
    assert total == Counters(requests=11, resets=22, limit_hits=33)


def test_workers_share_nothing() -> None:
    one, other = Shared(), Shared()
    assert one.date is not other.date
    assert one.held is not other.held
    assert one.journal is None
    assert one.held.limit == limits.HELD_CONTENT
    assert one.held.octets == 0


def test_a_record_carries_its_client() -> None:
    client = Client(host="192.0.2.1", port=1, version="HTTP/1.1")
    request = Request(method=b"GET", scheme=b"http", authority=b"a", path=b"/", fields=())
    response = Response(status=200, fields=())
    record = Finished(client, request, response, 7, 1.0, 2.5, False, False)
    assert record.client is client
    assert (record.octets, record.started, record.finished) == (7, 1.0, 2.5)
    assert record.delivered == ()


def test_field_values_are_joined() -> None:
    """RFC 9110 section 5.3; RFC 9113 section 8.2.3 for cookies."""
    fields = ((b"a", b"1"), (b"cookie", b"x=1"), (b"a", b"2"), (b"cookie", b"y=2"))
    request = Request(method=b"GET", scheme=b"http", authority=b"a", path=b"/", fields=fields)
    assert request.field(b"a") == b"1, 2"
    assert request.field(b"cookie") == b"x=1; y=2"
    assert request.field(b"b") is None
