"""``h2static.http.addresses``: what is an address, and whom to believe."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.addresses import TrustedProxies, parse_address, peer_of, unmapped


@pytest.mark.parametrize("text", ["192.0.2.7", "::1", "2001:db8::7", "::ffff:192.0.2.7"])
def test_addresses(text: str) -> None:
    assert parse_address(text) == ip_address(text)


@pytest.mark.parametrize(
    "text",
    ["", "x", "192.0.2.777", "192.0.2.07", "1.2.3", "[::1]", " ::1", "fe80::1%eth0", "::1%\n", "²"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|zone"):
        parse_address(text)


@given(st.one_of(st.text(), st.from_regex(r"[0-9a-f:.%]{1,12}(%.*)?", fullmatch=True)))
def test_no_address_acts_on_a_terminal_or_on_a_line(text: str) -> None:
    """However it was written: what comes out is made of digits, letters, dots and colons."""
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert set(str(unmapped(address))) <= set("0123456789abcdef.:")


@pytest.mark.parametrize(
    ("text", "shown", "loopback"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.2", "127.0.0.2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", False),
        ("fe80::1%eth0", "fe80::1", False),
    ],
)
def test_peers_as_the_system_names_them(text: str, shown: str, loopback: bool) -> None:
    assert peer_of(text) == (ip_address(shown), shown, loopback)


def test_addresses_of_ipv4_are_shown_as_such() -> None:
    assert str(unmapped(parse_address("::ffff:192.0.2.7"))) == "192.0.2.7"
    assert str(unmapped(parse_address("::1"))) == "::1"


@pytest.mark.parametrize(
    ("names", "host", "trusted"),
    [
        ((), "127.0.0.1", False),
        ((), "", False),
        (("127.0.0.0/8",), "127.0.0.1", True),
        (("127.0.0.0/8",), "::1", False),
        (("127.0.0.0/8",), "", False),
        (("10.0.0.0/8", "::1/128"), "::1", True),
        (("fe80::/10",), "fe80::1", True),
        (("unix",), "", True),
        (("unix",), "127.0.0.1", False),
    ],
)
def test_whom_to_believe(names: tuple[str, ...], host: str, trusted: bool) -> None:
    address = parse_address(host) if host else None
    assert TrustedProxies(names).include(address) == trusted
