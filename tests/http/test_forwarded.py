"""``h2static.http.forwarded``: X-Forwarded-For, X-Forwarded-Proto and Forwarded (RFC 7239)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.addresses import TrustedProxies
from h2static.http.fields import Fields
from h2static.http.forwarded import origin_of
from h2static.http.limits import FORWARDED_HOPS
from h2static.http.requests import Client, Request

PROXIES = TrustedProxies(["10.0.0.0/8", "fd00::/8", "unix"])


def origin(fields: Fields, proxies: TrustedProxies | None = PROXIES) -> tuple[str, str]:
    """What a request of the proxy 10.0.0.1 tells."""
    client = Client(host="10.0.0.1", port=1, version="HTTP/1.1", proxies=proxies)
    request = Request(method=b"GET", scheme=b"http", authority=b"a", path=b"/", fields=fields)
    found = origin_of(client, request)
    return found.host, found.scheme


def of(value: bytes, *others: tuple[bytes, bytes]) -> tuple[str, str]:
    return origin(((b"x-forwarded-for", value), *others))


def test_what_strangers_say_does_not_count() -> None:
    fields = (
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"https"),
        (b"forwarded", b"for=192.0.2.7;proto=https"),
    )
    assert origin(fields, None) == ("10.0.0.1", "http")
    assert origin(()) == ("10.0.0.1", "http")


@pytest.mark.parametrize(
    ("value", "host"),
    [
        (b"192.0.2.7", "192.0.2.7"),
        (b" 192.0.2.7 ", "192.0.2.7"),
        (b"192.0.2.7:4711", "192.0.2.7"),
        (b"2001:db8::7", "2001:db8::7"),
        (b"[2001:db8::7]", "2001:db8::7"),
        (b"[2001:db8::7]:4711", "2001:db8::7"),
        (b"::ffff:192.0.2.7", "192.0.2.7"),
        # Read from the right: the first that is no proxy of ours, whatever it claims itself.
        (b"198.51.100.1, 192.0.2.7", "192.0.2.7"),
        (b"198.51.100.1, 192.0.2.7, 10.0.0.2,10.0.0.3", "192.0.2.7"),
        (b"192.0.2.7, fd00::1", "192.0.2.7"),
        (b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (b"192.0.2.7,, ,", "192.0.2.7"),
        # What cannot be read ends the walk.
        (b"192.0.2.7, unknown, 10.0.0.2", "10.0.0.2"),
        (b"192.0.2.7, nonsense", "10.0.0.1"),
        (b"fe80::1%\x1b[2J", "10.0.0.1"),
        (b"[192.0.2.7]", "10.0.0.1"),
        (b"192.0.2.7:http", "10.0.0.1"),
        (b"\xff", "10.0.0.1"),
        (b"", "10.0.0.1"),
    ],
)
def test_the_rightmost_address_that_is_no_proxys(value: bytes, host: str) -> None:
    assert of(value) == (host, "http")


def test_several_lines_are_one_list() -> None:
    assert of(b"198.51.100.1", (b"x-forwarded-for", b"192.0.2.7, 10.0.0.2"))[0] == "192.0.2.7"


@pytest.mark.parametrize(
    ("addresses", "schemes", "expected"),
    [
        (b"192.0.2.7", b"https", ("192.0.2.7", "https")),
        (b"192.0.2.7", b"HTTPS", ("192.0.2.7", "https")),
        (b"192.0.2.7", b"gopher", ("192.0.2.7", "http")),
        # One for each proxy, or that of the last one.
        (b"192.0.2.7, 10.0.0.2", b"https, http", ("192.0.2.7", "https")),
        (b"192.0.2.7, 10.0.0.2", b"https", ("192.0.2.7", "https")),
        (b"198.51.100.1, 192.0.2.7", b"https, http", ("192.0.2.7", "http")),
        (b"", b"https", ("10.0.0.1", "https")),
    ],
)
def test_the_scheme(addresses: bytes, schemes: bytes, expected: tuple[str, str]) -> None:
    assert of(addresses, (b"x-forwarded-proto", schemes)) == expected


def test_the_scheme_alone() -> None:
    assert origin(((b"x-forwarded-proto", b"https"),)) == ("10.0.0.1", "https")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # RFC 7239 section 4
        (b"for=192.0.2.60;proto=http;by=203.0.113.43", ("192.0.2.60", "http")),
        (b'For="[2001:db8:cafe::17]:4711"', ("2001:db8:cafe::17", "http")),
        (b"for=198.51.100.9, for=192.0.2.43;proto=https", ("192.0.2.43", "https")),
        (b"for=192.0.2.43;Proto=HTTPS, for=10.0.0.2;proto=http", ("192.0.2.43", "https")),
        # Section 6.2 and 6.3
        (b"for=192.0.2.7, for=unknown;proto=https", ("10.0.0.1", "https")),
        (b"for=192.0.2.7, for=_hidden", ("10.0.0.1", "http")),
        (b"for=192.0.2.7, proto=https", ("10.0.0.1", "https")),
        # As many write it.
        (b"for=192.0.2.7:80 ; proto=https", ("192.0.2.7", "https")),
        (b'for="192.0.2.\\7"', ("192.0.2.7", "http")),
        (b"for=192.0.2.7,", ("192.0.2.7", "http")),
        # Malformed.
        (b'for="192.0.2.7', ("10.0.0.1", "http")),
        (b"for=192.0.2.7 for=192.0.2.8", ("10.0.0.1", "http")),
        (b"=192.0.2.7", ("10.0.0.1", "http")),
        (b"", ("10.0.0.1", "http")),
    ],
)
def test_forwarded(value: bytes, expected: tuple[str, str]) -> None:
    assert origin(((b"forwarded", value),)) == expected


def test_an_open_quotation_mark_does_not_swallow_what_the_proxy_adds() -> None:
    fields = ((b"forwarded", b'for="'), (b"forwarded", b"for=192.0.2.7"))
    assert origin(fields) == ("192.0.2.7", "http")


def test_x_forwarded_for_wins() -> None:
    """Most proxies write that one, and pass on what their client has written in the other."""
    fields = ((b"forwarded", b"for=198.51.100.1;proto=https"), (b"x-forwarded-for", b"192.0.2.7"))
    assert origin(fields) == ("192.0.2.7", "http")


def test_a_long_chain_is_read_up_to_a_bound() -> None:
    chain = b", ".join([b"10.0.0.%d" % number for number in range(200)])
    assert of(b"192.0.2.7, " + chain)[0] == f"10.0.0.{200 - FORWARDED_HOPS}"


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"forwarded", b"x-forwarded-for", b"x-forwarded-proto"]),
            st.one_of(st.binary(max_size=30), st.from_regex(rb'[a-z0-9.:;,="\[\]\\ ]*')),
        ),
        max_size=4,
    )
)
def test_anything_gives_an_address_and_a_scheme(fields: list[tuple[bytes, bytes]]) -> None:
    host, scheme = origin(tuple(fields))
    assert set(host) <= set("0123456789abcdef.:")
    assert scheme in ("http", "https")
