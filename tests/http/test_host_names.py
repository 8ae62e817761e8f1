"""Names of hosts: one spelling for each, wildcards of one label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.host_names import HostNames, host_of, matches, parse_host_name


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        (b"a.test", "a.test"),
        (b"A.Test:8443", "a.test"),
        (b"a.test.", "a.test"),
        (b"a.test.:443", "a.test"),
        (b"a.test:", "a.test"),
        (b"127.0.0.1:80", "127.0.0.1"),
        (b"[::1]:80", "::1"),
        (b"[0:0:0:0:0:0:0:1]", "::1"),
        (b"xn--bcher-kva.test", "xn--bcher-kva.test"),
        (b"a1", "a1"),
        (b"", ""),
    ],
)
def test_an_authority_names_one_host(authority: bytes, host: str) -> None:
    assert host_of(authority) == host


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A.test.", "a.test"),
        ("*.b.test", "*.b.test"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("_acme.a.test", "_acme.a.test"),
    ],
)
def test_names_of_a_configuration(text: str, name: str) -> None:
    assert parse_host_name(text) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bücher.test", "write it as A-labels: xn--bcher-kva.test"),
        ("a.test:443", "has a port"),
        ("", "not a host name"),
        ("*", "not a host name"),
        ("*.test", "a wildcard must be the whole first label"),
        ("a.*.test", "not a host name"),
        ("a..test", "not a host name"),
        ("-a.test", "not a host name"),
        ("https://a.test", "has a port"),
        ("[::1", "has a port"),
        ("::1]", "has a port"),
        ("127.0.0.1]", "not a host name"),
        ("[127.0.0.1]", "brackets are for IPv6 addresses"),
        ("[a.test]", "brackets are for IPv6 addresses"),
        ("a" * 64, "not a host name"),
        (".".join(["a" * 60] * 5), "not a host name"),
    ],
)
def test_what_is_no_name(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        parse_host_name(text)
    assert "\n" not in str(raised.value)


def test_the_own_name_comes_before_a_wildcard_which_is_one_label() -> None:
    names = HostNames([("a.b.test", 1), ("*.b.test", 2), ("127.0.0.1", 3)])
    assert names.find("a.b.test") == 1
    assert names.find("x.b.test") == 2
    assert names.find("x.y.b.test") is None
    assert names.find("b.test") is None
    assert names.find(".b.test") is None
    assert names.find("127.0.0.1") == 3
    assert names.size == 3


def test_a_wildcard_is_for_no_address() -> None:
    assert HostNames([("*.0.0.1", 1)]).find("127.0.0.1") is None
    assert not matches("*.0.0.1", "127.0.0.1")


_LABELS = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z]", fullmatch=True)


@given(labels=st.lists(_LABELS, min_size=1, max_size=4), port=st.integers(0, 65535), data=st.data())
def test_spellings_are_one_host(labels: list[str], port: int, data: st.DataObject) -> None:
    name = ".".join(labels)
    cased = "".join(letter.upper() if data.draw(st.booleans()) else letter for letter in name)
    tail = data.draw(st.sampled_from(["", ".", f":{port}", f".:{port}"]))
    assert host_of((cased + tail).encode()) == parse_host_name(cased) == name
