"""What streams that hold their responses take: octets are shared or stay in their files.

Each scenario runs in a process of its own, which says by how much its resident memory grew; what is
measured is what the operating system has to give, with everything that nobody counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MIB = 1024 * 1024

#: What all scenarios begin with: a site, and a way to ask it that keeps the readings open.
PRELUDE = """
import gc, json, os, sys, time
from h2static.http.bodies import BodyReader
from h2static.http.messages import Request, Response
from h2static.site import Site, SiteConfig

root, settled = sys.argv[1], sys.argv[2] == "settled"
site = Site(
    SiteConfig(root=root, listing=True), clock=lambda: time.time() + (10 if settled else 0)
)
kept: list[object] = []

def ask(path, **fields):
    request = Request(
        method=b"GET", scheme=b"http", authority=b"here", path=path.encode(),
        fields=tuple((name.encode(), value.encode()) for name, value in fields.items()),
    )
    found = site.look(request)
    return found if isinstance(found, Response) else found()

def hold(response, first=16384):
    \"\"\"Begin to send a response, and be stopped by the client's window.\"\"\"
    assert response.status in (200, 206), response.status
    body = response.body
    if isinstance(body, bytes):
        kept.append((response, memoryview(body)))
    else:
        reader = body.open()
        kept.append((response, reader, reader.read(first)))

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def finish():
    print(json.dumps({"grown": resident() - before, "held": site.memory.held_octets}))

hold(ask("/warm"))
before = resident()
"""

RANGES = """
for number in range(400):
    hold(ask("/file", range=f"bytes={number}-{1_000_000 + number}"))
finish()
"""

SEVERAL_RANGES = """
for number in range(400):
    hold(ask("/file", range=f"bytes={number}-499999,500001-{1_000_000 + number}"))
finish()
"""

FILES = """
for number in range(500):
    site.new_batch()
    hold(ask(f"/{number % 120}"))
finish()
"""

LISTS = """
for number in range(40):
    site.new_batch()
    hold(ask("/folder/", accept="text/html" if number % 2 else "application/json"))
finish()
"""


def grown(root: Path, scenario: str, *, settled: bool = True) -> dict[str, int]:
    """By how many octets a process grew, and how many the site says that are held."""
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc")
    (root / "warm").write_bytes(b"warm")
    ran = subprocess.run(
        [sys.executable, "-c", PRELUDE + scenario, root, "settled" if settled else "young"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    result: dict[str, int] = json.loads(ran.stdout)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [RANGES, SEVERAL_RANGES])
@pytest.mark.parametrize("settled", [True, False])
def test_ranges_of_a_file(root: Path, scenario: str, settled: bool) -> None:
    (root / "file").write_bytes(os.urandom(1024 * 1024))
    result = grown(root, scenario, settled=settled)
    assert result["grown"] < 16 * MIB, result
    assert result["held"] <= MIB + 4


@pytest.mark.slow
def test_many_files_just_below_the_limit_of_small_ones(root: Path) -> None:
    for number in range(120):
        (root / f"{number}").write_bytes(os.urandom(900 * 1024))
    result = grown(root, FILES)
    assert result["grown"] < 80 * MIB, result


@pytest.mark.slow
def test_lists_of_a_large_folder(root: Path) -> None:
    (root / "folder").mkdir()
    for number in range(5000):
        (root / "folder" / f"a file with a name as they are {number}").touch()
    result = grown(root, LISTS)
    assert result["grown"] < 16 * MIB, result
