"""What a server for files over cleartext does not import, in any of its processes."""

from __future__ import annotations

from pathlib import Path

from tests.support.processes import running

#: TLS certificates, configuration files and their schema, live reload, upstreams.
UNWANTED = (
    "cryptography", "tomllib", "jsonschema", "watchfiles", "h2static.dev", "h2static.http3",
    "h2static.localca.certificates", "h2static.proxy.application", "aioquic", "websockets",
)  # fmt: skip


def test_a_server_imports_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("x")
    words = ("--no-tls", "-a", "127.0.0.1", "0", str(tmp_path))
    # Every process tells on standard error what it imports: "import time: ... | name".
    with running(*words, environment={"PYTHONPROFILEIMPORTTIME": "1"}) as server:
        lines = server.stderr().splitlines()
    found = [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]
    assert {"h2static.process.supervisor", "h2static.process.worker"} <= set(found)
    assert [name for name in found if name.startswith(UNWANTED)] == []
