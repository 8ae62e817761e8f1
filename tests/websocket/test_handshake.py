"""The opening handshake: RFC 6455 section 4.2, RFC 8441 section 5."""

from __future__ import annotations

import pytest

from h2static.http.fields import Fields
from h2static.http.messages import Request
from h2static.websocket.handshake import Offer, Refused, grant_fields, read_offer

KEY = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
VERSION = (b"sec-websocket-version", b"13")
ACCEPT = (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")


def request(method: bytes, *fields: tuple[bytes, bytes]) -> Request:
    return Request(
        method=method,
        scheme=b"http",
        authority=b"a.test",
        path=b"/chat",
        fields=fields,
        protocol=b"websocket",
    )


def test_the_example_of_the_rfc() -> None:
    """Section 1.3."""
    offer = read_offer(request(b"GET", KEY, VERSION))
    assert offer == Offer(subprotocols=(), extensions="", accept=ACCEPT[1])
    assert grant_fields(offer, None, "") == (ACCEPT,)


def test_over_http2_there_is_no_key() -> None:
    offer = read_offer(request(b"CONNECT", VERSION))
    assert offer.accept is None
    assert grant_fields(offer, None, "") == ()


@pytest.mark.parametrize("key", [KEY[1], b"rubbish", b""])
def test_over_http2_a_key_is_answered_whatever_it_is(key: bytes) -> None:
    """undici sends one all the same, and gives up without the answer."""
    offer = read_offer(request(b"CONNECT", (KEY[0], key), VERSION))
    assert offer.accept is not None
    assert (offer.accept == ACCEPT[1]) == (key == KEY[1])


def test_subprotocols_and_extensions() -> None:
    offer = read_offer(
        request(
            b"CONNECT",
            VERSION,
            (b"sec-websocket-protocol", b"chat, \tsuperchat"),
            (b"sec-websocket-protocol", b"graphql-ws"),
            (b"sec-websocket-extensions", b"permessage-deflate"),
            (b"sec-websocket-extensions", b"x-other"),
        )
    )
    assert offer.subprotocols == ("chat", "superchat", "graphql-ws")
    assert offer.extensions == "permessage-deflate, x-other"
    assert grant_fields(offer, "superchat", "permessage-deflate") == (
        (b"sec-websocket-protocol", b"superchat"),
        (b"sec-websocket-extensions", b"permessage-deflate"),
    )


REFUSED: dict[str, tuple[bytes, Fields]] = {
    "not GET": (b"POST", (KEY, VERSION)),
    "no key": (b"GET", (VERSION,)),
    "empty key": (b"GET", ((b"sec-websocket-key", b""), VERSION)),
    "short key": (b"GET", ((b"sec-websocket-key", b"dGhlIHNhbXBsZSA="), VERSION)),
    "long key": (b"GET", ((b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZSBsb25n"), VERSION)),
    "key that is no base64": (
        b"GET",
        ((b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ="), VERSION),
    ),
    "key with rubbish": (b"GET", ((b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==!"), VERSION)),
    "key that is no ASCII": (b"GET", ((b"sec-websocket-key", b"\xff" * 24), VERSION)),
    "two keys": (b"GET", (KEY, KEY, VERSION)),
    "no version": (b"GET", (KEY,)),
    "another version": (b"GET", (KEY, (b"sec-websocket-version", b"8"))),
    "two versions": (b"GET", (KEY, VERSION, VERSION)),
    "no version over HTTP/2": (b"CONNECT", ()),
    "another version over HTTP/2": (b"CONNECT", ((b"sec-websocket-version", b"14"),)),
    "empty subprotocol": (b"CONNECT", (VERSION, (b"sec-websocket-protocol", b"a,,b"))),
    "no subprotocol": (b"CONNECT", (VERSION, (b"sec-websocket-protocol", b""))),
    "subprotocol with space": (b"CONNECT", (VERSION, (b"sec-websocket-protocol", b"a b"))),
    "the same subprotocol": (b"CONNECT", (VERSION, (b"sec-websocket-protocol", b"a, a"))),
    "many subprotocols": (
        b"CONNECT",
        (VERSION, (b"sec-websocket-protocol", b",".join(b"p%d" % i for i in range(65)))),
    ),
}


@pytest.mark.parametrize(("method", "fields"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(method: bytes, fields: Fields) -> None:
    with pytest.raises(Refused) as caught:
        read_offer(request(method, *fields))
    assert caught.value.status == 400
    versions = [field for name, field in caught.value.fields if name == b"sec-websocket-version"]
    # Section 4.4: a client with another version is told which ones there are.
    assert versions == ([b"13"] if "Version" in str(caught.value) else [])
