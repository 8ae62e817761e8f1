"""Fixtures of the site's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.site.harness import Client, make_client, turn_off_notices


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder to serve, in a folder of its own."""
    folder = tmp_path / "www"
    folder.mkdir()
    return folder


@pytest.fixture
def client(root: Path) -> Client:
    """A client of a site with no options over ``root``."""
    return make_client(root)


@pytest.fixture
def no_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without inotify."""
    turn_off_notices(monkeypatch)
