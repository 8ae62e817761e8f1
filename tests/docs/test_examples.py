"""What the pages show is what the programs print.

A session (``console``) in a page that is looked up runs in a folder that has a copy of ``www``.
Tutorials and README are run as a whole, see :mod:`tests.docs.test_newcomers`.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import DOCS, PAGES, README, REPOSITORY, TUTORIALS, blocks_of
from tests.docs.terminal import Reader, play
from tests.support.tools import require_tool

TOOLS = (("curl", "curl"), ("nghttp", "nghttp2-client"), ("openssl", "openssl"))
SHOWN = [
    page
    for page in PAGES
    if page not in (README, *TUTORIALS)
    and any(block.language == "console" or block.notes for block in blocks_of(page))
]


@pytest.mark.slow
@pytest.mark.parametrize("page", SHOWN, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_the_page_shows_what_is_printed(page: Path, tmp_path: Path) -> None:
    for tool, package in TOOLS:
        if f"$ {tool} " in page.read_text() or f"before: {tool} " in page.read_text():
            require_tool(tool, package=package)
    shutil.copytree(REPOSITORY / "www", tmp_path / "page/www")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "PATH": path}
    with Reader(tmp_path / "page", environment) as reader:
        play(reader, blocks_of(page), all_commands=False)


def test_there_are_such_pages() -> None:
    assert {DOCS / "hpack.md", DOCS / "reference/command-line.md"} <= set(SHOWN)
