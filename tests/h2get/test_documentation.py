"""``docs/h2get.md`` says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from h2static.h2get.arguments import help_text
from h2static.h2get.script.parse import parse_script
from tests.h2get.test_scripts import run
from tests.support.h2get import h2get

PAGE = Path(__file__).parents[2] / "docs/h2get.md"


def test_the_script_passes(url: str, tmp_path: Path) -> None:
    (script,) = re.findall(r"```h2s\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(parse_script(script, "page", {})) == 2
    done = run(tmp_path / "page.h2s", script, f"{url}/style.css")
    assert (done.code, done.errors) == (0, "")


def test_every_step_is_there() -> None:
    """What the parser knows is in the table, by its first word."""
    text = PAGE.read_text()
    for word in (
        "connect", "handshake", "hold", "flush", "alive", "ended", "pause", "end", "auto off",
        "exceed-streams", "connection-error", "stream-error", "malformed",
    ):  # fmt: skip
        assert f"`{word}" in text


def test_options_that_are_named_are_there() -> None:
    option = re.compile(r"(?<![\w-])(--[a-z][a-z0-9.-]*)")
    known = set(option.findall(help_text()))
    for command in ("replay", "conformance"):
        known |= set(option.findall(h2get(command, "--help").output))
    assert set(option.findall(PAGE.read_text())) - known == set()
