"""What is only remembered is given back while nobody asks for anything."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from h2static.site import Site, SiteConfig
from h2static.site.limits import SiteLimits
from tests.support.peer import Peer
from tests.support.processes import wait_until
from tests.support.serving import serving
from tests.support.transports import Wire


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_deleted_file_is_closed_although_nobody_asks_again(tmp_path: Path) -> None:
    """Header blocks of HTTP/2 are remembered with their responses, and these have their files."""
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(20_000))
    os.utime(file, (1_000_000_000, 1_000_000_000))
    site = Site(
        SiteConfig(root=str(tmp_path)),
        clock=lambda: time.time() + 10,
        limits=SiteLimits(small_file=10_000),
    )
    with serving(site) as server:
        wire = Wire(server.port)
        peer = Peer(wire)
        for stream_id in (1, 3):
            peer.request(stream_id, b"/large.bin")
            peer.expect_response(stream_id, 200, bytes(20_000))
        wire.close()
        server.wait_for_rest()
        assert is_open(file)
        file.unlink()

        def released() -> bool:
            server.in_thread(site.release)
            server.in_thread(server.driver.release)
            return not is_open(file)

        wait_until(released, "the file to be closed")


def is_open(path: Path) -> bool:
    """Whether this process has a file open that has, or had, this path."""
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            continue
    return any(link.startswith(str(path)) for link in links)
