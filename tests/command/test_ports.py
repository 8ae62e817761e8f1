"""What is said of ports: outside of tables for all of them, in a table for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2static.command import commands
from h2static.command.start import load
from h2static.config import LOOPBACK, Config
from h2static.server.key_pairs import key_pairs, needs_common_pair
from tests.support.host_certificates import Authority, make_authority


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "www").mkdir()
    return tmp_path


@pytest.fixture
def authority(folder: Path) -> Authority:
    made = make_authority(folder)
    made.issue("a", "a.test")
    return made


#: One host is reached with TLS, the other without.
TWO_HOSTS = """\
[[host]]
names = ["a.test"]
htdocs = "www"
{own}[[host]]
names = ["plain.test"]
htdocs = "www"
[[listen]]
port = 90
hosts = ["a.test"]
[[listen]]
port = 91
no-tls = true
"""


def load_text(folder: Path, text: str) -> Config:
    path = folder / "ports.toml"
    path.write_text(text)
    return load(["--config", str(path)]).config


@pytest.mark.parametrize(
    ("words", "addresses"),
    [
        (["-a", "127.0.0.1"], ("127.0.0.1",)),
        (["--dev"], LOOPBACK),
        ([], ()),
        # A path is one socket's.
        (["-a", "unix:/x", "-a", "127.0.0.1"], ("127.0.0.1",)),
    ],
)
def test_another_port_is_at_the_addresses_of_the_first(
    folder: Path, words: list[str], addresses: tuple[str, ...]
) -> None:
    """Who keeps a server to this machine means all of it."""
    config = load(["--no-tls", *words, "--listen", "0,no-tls", "0", "www"]).config
    assert config.listening[1].addresses == addresses
    own = load(["--no-tls", *words, "--listen", "[::1]:0", "0", "www"]).config
    assert own.listening[1].addresses == ("[::1]",)


POLICY = """
htdocs = "www"
key = "a.key"
cert = "a.pem"
address = ["127.0.0.1"]
verify-client = true
client-ca = "ca.pem"
groups = "X25519"
"""


@pytest.mark.parametrize("port", ["", "port = 81\n"], ids=["tables", "port"])
@pytest.mark.parametrize("count", [1, 2])
def test_what_is_said_outside_of_tables_holds_for_each(
    folder: Path, authority: Authority, port: str, count: int
) -> None:
    assert authority.file.exists()
    tables = "".join(f"[[listen]]\nport = {90 + number}\n" for number in range(count))
    config = load_text(folder, port + POLICY + tables)
    assert len(config.listening) == count + bool(port)
    for one in config.listening:
        assert one.addresses == ("127.0.0.1",)
        assert one.verify_client
        assert one.client_ca == str(folder / "ca.pem")
        assert one.groups == "X25519"


def test_a_table_may_say_something_else(folder: Path, authority: Authority) -> None:
    assert authority.file.exists()
    tables = """
[[listen]]
port = 90
address = ["::1"]
verify-client = false
[[listen]]
port = 91
no-tls = true
"""
    first, second = load_text(folder, POLICY + tables).listening
    assert (first.addresses, first.verify_client, first.client_ca) == (("::1",), False, None)
    assert (second.no_tls, second.verify_client, second.groups) == (True, False, None)


def test_a_host_that_is_reached_without_tls_only_needs_no_certificate(
    folder: Path, authority: Authority
) -> None:
    """Nor is the certificate of others looked at for its name, or one made on this machine."""
    own = 'key = "a.key"\ncert = "a.pem"\n'
    (folder / "ports.toml").write_text(TWO_HOSTS.format(own=own))
    loaded = load(["--config", "ports.toml"])
    assert loaded.certificate is None
    assert [pair.cert_file for pair in key_pairs(loaded.config)] == [str(folder / "a.pem")]
    assert not needs_common_pair(loaded.config)


def test_the_pair_outside_of_tables_need_not_be_for_it(folder: Path, authority: Authority) -> None:
    config = load_text(folder, 'key = "a.key"\ncert = "a.pem"\n' + TWO_HOSTS.format(own=""))
    assert [pair.cert_file for pair in key_pairs(config)] == [str(folder / "a.pem")]


def test_a_file_for_a_daemon_is_valid_without_a_port(folder: Path) -> None:
    """PORT may come from the command line, and ports from tables."""
    (folder / "some.toml").write_text('daemon = true\nhtdocs = "www"\nno-tls = true\n')
    assert commands.config(["--check", "some.toml"]) == 0
    with (folder / "some.toml").open("a") as file:
        file.write("[[listen]]\nport = 90\n")
    assert commands.config(["--check", "some.toml"]) == 0
