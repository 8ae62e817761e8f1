"""What tests of processes share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a page."""
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "index.html").write_text("t")
    return folder
