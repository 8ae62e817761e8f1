"""What a client was told, and what a delivery comes to."""

from __future__ import annotations

import pytest

from h2static.http.hints import MAX_SEEN, Delivery, Promise, PushClient, Seen
from h2static.http.messages import Request


def _promise() -> Promise:
    request = Request(method=b"GET", scheme=b"http", authority=b"a", path=b"/x", fields=())
    return Promise(request, 3)


def test_what_was_seen_is_known_by_authority_and_path() -> None:
    seen = Seen()
    seen.add(b"a.test", b"/x")
    assert seen.has(b"a.test", b"/x")
    assert not seen.has(b"b.test", b"/x")
    assert not seen.has(b"a.test", b"/y")
    assert not Seen().has(b"a.test", b"/x")


def test_where_the_authority_ends_matters() -> None:
    seen = Seen()
    seen.add(b"a", b"b/c")
    assert not seen.has(b"ab", b"/c")


def test_seen_is_bounded() -> None:
    seen = Seen()
    for i in range(MAX_SEEN):
        assert not seen.full
        seen.add(b"a.test", b"/%d" % i)
    assert seen.full
    seen.add(b"a.test", b"/one more")
    assert not seen.has(b"a.test", b"/one more")
    assert seen.has(b"a.test", b"/0")
    assert seen.full


def test_what_was_seen_again_takes_no_room() -> None:
    seen = Seen()
    for _ in range(2 * MAX_SEEN):
        seen.add(b"a.test", b"/")
    assert not seen.full


def test_a_client_of_whom_nothing_is_known_gets_no_pushes() -> None:
    client = PushClient(multiplexed=False, seen=Seen())
    assert not client.push_enabled
    assert client.free_streams == 0


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (Delivery(), ()),
        (Delivery(promises=(_promise(),)), ("1 push",)),
        (Delivery(promises=(_promise(), _promise())), ("2 pushes",)),
        (Delivery(early=((b"link", b"</x>"),)), ("103",)),
        (Delivery(fields=((b"link", b"</x>"),)), ("link",)),
        (Delivery(fields=((b"vary", b"accept"),)), ()),
        (Delivery(early=((b"link", b"</x>"),), fields=((b"link", b"</x>"),)), ("103",)),
        (Delivery(promises=(_promise(),), fields=((b"link", b"</x>"),)), ("1 push", "link")),
    ],
)
def test_a_delivery_in_words(delivery: Delivery, words: tuple[str, ...]) -> None:
    assert delivery.words() == words
