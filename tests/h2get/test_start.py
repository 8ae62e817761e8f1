"""What a run loads: a command that is used all day starts quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from h2static.h2get.cli import main
code = main(sys.argv[1:])
sys.stdout = sys.stderr
print(*sorted(sys.modules))
sys.exit(code)
"""
#: What ordinary requests do without: what other options need, and everything of servers.
OTHERS = (
    "cryptography", "h2static.asgi", "h2static.command", "h2static.h2get.assets",
    "h2static.h2get.conformance", "h2static.h2get.har", "h2static.h2get.json_log",
    "h2static.h2get.record", "h2static.h2get.replay", "h2static.h2get.script",
    "h2static.h2get.statistics", "h2static.http1.client", "h2static.server", "h2static.site",
    "hpacktools.explanation", "html.parser", "json", "jsonschema", "watchfiles", "websockets",
)  # fmt: skip


def loaded(*words: str) -> set[str]:
    """The modules that a run of ``h2get`` has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_requests_load_what_they_need(url: str) -> None:
    modules = loaded("-n", f"{url}/app.js")
    assert "h2static.http2.client" in modules
    assert [name for name in OTHERS if name in modules] == []


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_help_needs_no_event_loop(words: tuple[str, ...]) -> None:
    modules = loaded(*words)
    assert [name for name in (*OTHERS, "asyncio", "anyio") if name in modules] == []


def test_options_load_what_they_need(url: str) -> None:
    assert "h2static.h2get.json_log" in loaded("--json", f"{url}/app.js")
    assert "h2static.h2get.script" in loaded("-n", "--expect", "200", f"{url}/app.js")
    assert "h2static.http1.client" in loaded("-n", "--http1.1", f"{url}/app.js")
