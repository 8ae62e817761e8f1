"""What the local authority may vouch for."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509

from h2static.localca.constraints import are_local, make_constraints, permits


@pytest.mark.parametrize(
    ("own", "name", "permitted"),
    [
        ("box", "localhost", True),
        ("box", "app.localhost", True),
        ("box", "box.local", True),
        ("box", "box", False),
        ("dev", "web.dev", False),
        ("xn--p1ai", "site.xn--p1ai", False),
        ("box.example.com", "box.example.com", False),
        ("my-box", "my-box", True),
        ("my-box", "app.my-box", True),
        ("my-box", "not-my-box", False),
        ("box7", "box7", True),
        ("box.net-7", "box.net-7", True),
        ("42", "42", False),
        ("box", "127.0.0.1", True),
        ("box", "172.31.0.1", True),
        ("box", "172.32.0.1", False),
        ("box", "8.8.8.8", False),
        ("box", "::1", True),
        ("box", "fe80::1%eth0", True),
        ("box", "2001:db8::1", False),
    ],
)
def test_permitted(own: str, name: str, permitted: bool) -> None:
    constraints = make_constraints([own])
    assert are_local(constraints)
    assert permits(constraints, name) is permitted


@pytest.mark.parametrize(
    "subtrees",
    [
        # Without any of a kind, all of that kind are permitted (RFC 5280 section 4.2.1.10).
        [x509.DNSName("local")],
        [x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))],
        [x509.DNSName("dev"), x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))],
        [x509.DNSName("local"), x509.IPAddress(ipaddress.ip_network("10.0.0.0/7"))],
        [x509.DNSName("local"), x509.IPAddress(ipaddress.ip_network("::/0"))],
    ],
)
def test_too_wide(subtrees: list[x509.GeneralName]) -> None:
    constraints = x509.NameConstraints(permitted_subtrees=subtrees, excluded_subtrees=None)
    assert not are_local(constraints)
