"""ab as the client: HTTP/1.0, one request after the other on connections that it asks to keep."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.tools import require_tool

#: One content that is sent at once, and one that is not.
SIZES = {"small": 10, "large": 300_000}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    for name, size in SIZES.items():
        (tmp_path / name).write_bytes(b"x" * size)
    with running("--no-tls", "-a", "127.0.0.1", "0", str(tmp_path)) as server:
        yield server


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("kept", [True, False])
def test_every_answer(server: RunningServer, name: str, kept: bool) -> None:
    """RFC 9112 appendix C.2.2: HTTP/1.0 keeps connections where both sides say so."""
    ab = require_tool("ab", package="apache2-utils")
    words = ("-k",) if kept else ()
    done = subprocess.run(
        [ab, "-q", *words, "-n", "200", "-c", "4", f"http://127.0.0.1:{server.port}/{name}"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    found = {
        key: int(value)
        for key, value in re.findall(r"^([\w -]+): +(\d+)", done.stdout, re.MULTILINE)
    }
    assert (found["Complete requests"], found["Failed requests"]) == (200, 0)
    assert found["HTML transferred"] == 200 * SIZES[name]
    assert "Non-2xx responses" not in found
    assert found.get("Keep-Alive requests", 0) == (200 if kept else 0)
