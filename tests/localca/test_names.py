"""The names and addresses of this machine."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from h2static.localca.names import lan_addresses, machine_names


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("Laptop", ["laptop", "laptop.local"]),
        ("laptop.example.com.", ["laptop", "laptop.example.com", "laptop.local"]),
        ("laptop.local", ["laptop", "laptop.local"]),
        ("localhost", []),
        ("", []),
    ],
)
def test_machine_names(monkeypatch: pytest.MonkeyPatch, host: str, names: list[str]) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert machine_names() == names


@pytest.mark.parametrize("listening", [("127.0.0.1",), ("192.168.1.2", "localhost"), ("::1",)])
def test_no_addresses_unless_every_interface_is_meant(listening: tuple[str, ...]) -> None:
    assert lan_addresses(listening) == []


@pytest.mark.parametrize("listening", [(), ("0.0.0.0", "[::]"), ("::",), ("0.0.0.0",)])
def test_addresses(listening: tuple[str, ...]) -> None:
    for address in lan_addresses(listening):
        assert not ipaddress.ip_address(address.strip("[]")).is_loopback
        version = 6 if address.startswith("[") else 4
        assert ipaddress.ip_address(address.strip("[]")).version == version
        if listening == ("::",):
            assert version == 6
