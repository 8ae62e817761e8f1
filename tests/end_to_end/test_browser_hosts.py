"""Chromium takes one connection for hosts that share a certificate."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.browser import browsing
from tests.support.host_certificates import make_authority
from tests.support.processes import RunningServer, running, wait_until

pytest.importorskip("selenium")

FILE = """
port = 0
address = ["127.0.0.1"]
access-log = "access.log"
log-format = "json"
[[host]]
names = ["a.site.test"]
htdocs = "a"
key = "ab.key"
cert = "ab.pem"
[[host]]
names = ["b.site.test"]
htdocs = "b"
key = "ab.key"
cert = "ab.pem"
[[host]]
names = ["c.site.test"]
htdocs = "c"
key = "c.key"
cert = "c.pem"
"""


def connections(server: RunningServer) -> int:
    (told,) = server.counters()
    counters = told["counters"]
    assert isinstance(counters, dict)
    count = counters["connections"]
    assert isinstance(count, int)
    return count


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_hosts_of_one_certificate_share_a_connection(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(f"<!doctype html><title>{name}</title>")
        (tmp_path / name / "it.js").write_text(f'window.seen = (window.seen || "") + "{name}";')
    authority = make_authority(tmp_path)
    authority.issue("ab", "a.site.test", "b.site.test")
    authority.issue("c", "c.site.test")
    (tmp_path / "hosts.toml").write_text(FILE)
    rules = "--host-resolver-rules=MAP *.test 127.0.0.1"
    browser_folder = tmp_path / "browser"
    browser_folder.mkdir()
    with (
        running("--config", "hosts.toml", folder=tmp_path) as server,
        browsing(browser_folder, rules) as browser,
    ):
        store = f"sql:{browser_folder / 'home' / '.pki' / 'nssdb'}"
        words = ["-d", store, "-A", "-t", "C,,", "-n", "hosts", "-i", str(authority.file)]
        subprocess.run(["certutil", *words], check=True)
        browser.driver.get(f"https://a.site.test:{server.port}/")
        assert browser.driver.title == "a"
        before = connections(server)

        def load(name: str, seen: str) -> None:
            browser.driver.execute_script(
                "const script = document.createElement('script');"
                f"script.src = 'https://{name}.site.test:{server.port}/it.js';"
                "document.head.append(script);"
            )
            browser.wait("window.seen", seen)

        load("a", "a")
        load("b", "ab")
        assert connections(server) == before
        load("c", "abc")
        assert connections(server) == before + 1
        wait_until(lambda: (tmp_path / "access.log").read_text().count("it.js") == 3, "the log")
        assert '"status":421' not in (tmp_path / "access.log").read_text()
