"""Ports of one site: each has the TLS policy that was said, and all have the site as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.host_certificates import Authority, make_authority
from tests.support.processes import DEADLINE, running
from tests.support.servers import free_port
from tests.support.tools import require_tool


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "same.txt").write_text("first")
    made = make_authority(tmp_path)
    made.issue("a", "a.test")
    return made


def ask(authority: Authority, port: int, *words: str, scheme: str = "https") -> str:
    """What comes of a request; empty where the handshake fails."""
    done = subprocess.run(
        [
            require_tool("curl", package="curl"),
            "-sS",
            "--cacert",
            str(authority.file),
            "--resolve",
            f"a.test:{port}:127.0.0.1",
            f"{scheme}://a.test:{port}/same.txt",
            *words,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    return done.stdout


SITE = 'htdocs = "www"\nkey = "a.key"\ncert = "a.pem"\naddress = ["127.0.0.1"]\n'
VERIFIED = 'verify-client = true\nclient-ca = "ca.pem"\n'


@pytest.mark.parametrize(
    ("outside", "table", "count"),
    [("", VERIFIED, 1), (VERIFIED, "", 1), (VERIFIED, "", 2)],
    ids=["in a table", "outside of the only one", "outside of two"],
)
def test_a_client_certificate_is_demanded_wherever_that_is_said(
    tmp_path: Path, authority: Authority, outside: str, table: str, count: int
) -> None:
    ports = [free_port() for _ in range(count)]
    tables = "".join(f"[[listen]]\nport = {port}\n{table}" for port in ports)
    (tmp_path / "ports.toml").write_text(SITE + outside + tables)
    mine = tmp_path / "me.pem"
    issued = authority.ca.issue_cert("me@a.test")
    issued.private_key_and_cert_chain_pem.write_to_path(str(mine))
    assert authority.file.exists()
    with running("--config", "ports.toml", folder=tmp_path):
        for port in ports:
            assert ask(authority, port) == ""
            assert ask(authority, port, "--cert", str(mine)) == "first"


def test_a_changed_file_is_seen_at_each_port(tmp_path: Path, authority: Authority) -> None:
    words = ("-a", "127.0.0.1", "--no-tls", "--listen", "0", "0", "www")
    with running(*words, folder=tmp_path) as server:
        ports = [int(url.rstrip("/").rpartition(":")[2]) for url in server.urls]
        assert len(set(ports)) == 2
        for content in ("first", "second", "third"):
            (tmp_path / "www" / "same.txt").write_text(content)
            for port in ports:
                assert ask(authority, port, scheme="http") == content
