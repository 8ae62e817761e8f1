"""Opening a page in a process of its own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from h2static.dev import open_page
from tests.support.processes import DEADLINE, wait_until


def test_the_browser_of_the_environment(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    environment = os.environ.get("BROWSER")
    os.environ["BROWSER"] = f"{script} %s"
    try:
        open_page.start("http://localhost:1/")
        wait_until(lambda: opened.exists() and opened.read_text() != "", "the browser")
        assert opened.read_text() == "http://localhost:1/\n"
    finally:
        if environment is None:
            del os.environ["BROWSER"]
        else:
            os.environ["BROWSER"] = environment


def test_without_a_browser_it_says_where_to_go(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "h2static.dev.open_page", "http://localhost:1/"],
        env={"PATH": str(tmp_path), "BROWSER": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert process.returncode == 0
    assert "http://localhost:1/" in process.stderr
