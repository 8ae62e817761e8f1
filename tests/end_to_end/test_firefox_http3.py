"""Firefox finds HTTP/3 by Alt-Svc, and uses it from then on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.firefox import firefox_home
from tests.support.processes import running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: By default Firefox leaves HTTP/3 alone where somebody has added an authority.
PREFERENCE = 'user_pref("network.http.http3.disable_when_third_party_roots_found", false);\n'
PROTOCOLS = "performance.getEntries().map(one => one.nextHopProtocol).filter(one => one)"
SECONDS = 60.0


def test_firefox_comes_by_alt_svc(tmp_path: Path) -> None:
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.html").write_text("<!doctype html><title>t</title><link rel=icon href=data:,>")
    (root / "large.bin").write_bytes(bytes(range(256)) * 20_000)
    home = firefox_home(tmp_path)
    with (home.profile() / "user.js").open("a") as preferences:
        preferences.write(PREFERENCE)
    home.trust()
    log = tmp_path / "access.log"
    certificate = home.certificate
    words = ("--http3", "-a", "127.0.0.1", f"--access-log={log}", "0", str(root))
    operands = (certificate.key_file, certificate.cert_file)
    with running(*words, *operands) as server, home.started() as firefox:
        page = f"https://127.0.0.1:{server.port}/"
        firefox.get(page)
        assert firefox.run(PROTOCOLS) == ["h2"]
        end = time.monotonic() + SECONDS
        # It tries the other way behind the person's back: some later page comes by it.
        while "h3" not in (protocols := str(firefox.run(PROTOCOLS))):
            assert time.monotonic() < end, protocols
            firefox.get(f"{page}?{time.monotonic()}")
        size = firefox.run("fetch('/large.bin').then(one => one.blob()).then(one => one.size)")
        assert size == 256 * 20_000
        line = '"GET /large.bin HTTP/3.0" 200'
        wait_until(lambda: line in log.read_text(), "the line of the log")
