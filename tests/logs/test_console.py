"""What a worker shows on standard output."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from h2static.config import Config
from h2static.logs.console import Console, is_colored
from h2static.site import SiteConfig


@pytest.mark.parametrize(
    ("option", "terminal", "no_color", "colored"),
    [
        (None, True, None, True),
        (None, True, "", True),
        (None, True, "1", False),
        (None, False, None, False),
        (True, False, "1", True),
        (False, True, None, False),
    ],
)
def test_colour(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: bool | None,
    terminal: bool,
    no_color: str | None,
    colored: bool,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    config = Config(
        port=0, site=SiteConfig(root=str(tmp_path)), no_tls=True, verbose=True, color=option
    )
    assert is_colored(config) is colored
    assert Console(config)._color is colored
