"""Paths that try to leave the root, compared with what ``realpath`` says of them."""

from __future__ import annotations

import itertools
import os
import random
import re
import threading
import time
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from tests.site.harness import Client, make_client, octets_of, write

PATHS = 10_000
SWAPS = int(os.environ.get("H2STATIC_TEST_SWAPS", "1000"))

#: Dots, slashes and NUL in every way of writing them that a server once fell for.
DOTS = ["..", "%2e%2e", "%2E%2e", ".%2e", "%2e.", "%252e%252e", "%c0%ae%c0%ae", "..;", "...", "."]
DOTS += ["%e0%80%ae%e0%80%ae", "%u002e%u002e", "..%00", "%2e%2e%20", ".. ", "\uff0e\uff0e"]
SLASHES = ["/", "//", "%2f", "%2F", "\\", "%5c", "%252f", "%c0%af", "/./", "/;/", "\u2215"]
NAMES = ["index.html", "sub", "a.txt", "out", "in", "in-abs", "deep", "www", "outside", "secret"]
NAMES += ["etc", "passwd", ".env", "%2eenv", "www2", "a%2etxt", "%61.txt", "CON", "a.txt::$DATA"]
TAILS = ["", "", "", "/", "%00", "%00.html", "?x", "#x", " ", "%20", ".", "~", "%"]


@pytest.fixture
def client(root: Path) -> Client:
    for name in ("index.html", "a.txt", "sub/index.html", "sub/a.txt", "sub/deep/a.txt"):
        write(root, name, f"inside {name}")
    write(root, ".env", "secret")
    for place in ("outside", "www2"):
        for name in ("index.html", "a.txt", "secret", "deep/a.txt"):
            write(root.parent, f"{place}/{name}", "secret")
    (root / "out").symlink_to("../outside")
    (root / "in").symlink_to("sub")
    (root / "in-abs").symlink_to(root / "sub")
    (root / "sub/out").symlink_to(root.parent / "www2/a.txt")
    return make_client(root)


FILES = [
    "index.html",
    "a.txt",
    "sub/index.html",
    "sub/a.txt",
    "sub/deep/a.txt",
    "in/a.txt",
    "in-abs/a.txt",
]


def generate(chance: random.Random, root: Path) -> str:
    """Some paths name a file, in any way of writing it; most try to get out."""
    if chance.random() < 0.2:
        name = chance.choice(FILES)
        written = [f"%{ord(c):02x}" if c != "/" and chance.random() < 0.2 else c for c in name]
        return "/" + "".join(written) + chance.choice(TAILS[:6])
    path = chance.choice(["/", "/", "/", "", "//", "/%2f", "\\", os.fspath(root) + "/"])
    for _ in range(chance.randrange(1, 7)):
        path += chance.choice(DOTS if chance.random() < 0.35 else NAMES)
        path += chance.choice(SLASHES) if chance.random() < 0.4 else "/"
    return path.removesuffix("/") + chance.choice(TAILS)


@pytest.mark.slow
def test_generated_paths_against_realpath(client: Client, root: Path) -> None:
    chance = random.Random("traversal")
    real_root = os.fsencode(os.path.realpath(root))
    counts: dict[int, int] = {}
    for _ in range(PATHS):
        path = generate(chance, root)
        response = client.get(path)
        counts[response.status] = counts.get(response.status, 0) + 1
        octets = octets_of(response)
        assert b"secret" not in octets, path
        assert b"root:" not in octets, path
        dots = re.sub("(?i)%2e", ".", path.partition("?")[0])
        plain = unquote_to_bytes(lexical(dots))
        if response.status == 200:
            found = os.path.realpath(real_root + plain)
            if os.path.isdir(found):
                found += b"/index.html"
            assert found.startswith(real_root + b"/"), path
            assert octets == Path(os.fsdecode(found)).read_bytes(), path
        elif response.status == 301:
            location = dict(response.fields)[b"location"]
            assert location.startswith(b"/"), path
            assert not location.startswith(b"//"), path
        else:
            assert response.status in (400, 404), path
            assert not is_ordinary(plain, path) or not is_file_inside(real_root, plain), path
    assert all(counts.get(status, 0) > 100 for status in (200, 301, 400, 404)), counts


def lexical(path: str) -> str:
    """The steps of RFC 3986 section 5.2.4, in its letters.

    The system would follow a link before it went up from there; equivalence is of the text alone.
    What climbs above the root is nothing, which is stricter than the RFC.
    """
    output = ""
    while path:
        if path.startswith("/./") or path == "/.":
            path = "/" + path[3:]
        elif path.startswith("/../") or path == "/..":
            if not output:
                return "/.."
            path = "/" + path[4:]
            output = output[: max(output.rfind("/"), 0)]
        else:
            end = path.find("/", 1)
            end = len(path) if end < 0 else end
            output, path = output + path[:end], path[end:]
    return output


def is_ordinary(plain: bytes, path: str) -> bool:
    """Whether a path has nothing about it but names."""
    names = plain.split(b"/")[1:]
    return (
        path.startswith("/")
        and path.isascii()
        and not set(" \\#") & set(path)
        and "%2f" not in path.lower()
        and "%5c" not in path.lower()
        and b"\0" not in plain
        and all(name and not name.startswith(b".") for name in names)
    )


def is_file_inside(real_root: bytes, plain: bytes) -> bool:
    found = os.path.realpath(real_root + plain)
    return found.startswith(real_root + b"/") and os.path.isfile(found)


def test_no_way_of_writing_dots_leads_out(client: Client) -> None:
    for dots, slash in itertools.product(DOTS, SLASHES):
        for path in (
            f"/{dots}{slash}outside/secret",
            f"/sub/{dots}{slash}{dots}{slash}www2/secret",
        ):
            response = client.get(path)
            assert response.status in (301, 400, 404), path
            assert b"secret" not in octets_of(response), path


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/./a.txt", "inside a.txt"),
        ("/sub/../a.txt", "inside a.txt"),
        ("/sub/deep/../a.txt", "inside sub/a.txt"),
        ("/nowhere/../a.txt", "inside a.txt"),
        # A link leads where it leads; up from it is where the path says.
        ("/out/../a.txt", "inside a.txt"),
        ("/in/../a.txt", "inside a.txt"),
        ("/in/deep/../a.txt", "inside sub/a.txt"),
        ("/.env/../a.txt", "inside a.txt"),
        ("/%2e/sub/%2E%2e/a%2etxt", "inside a.txt"),
        ("/sub/..", "inside index.html"),
        ("/sub/.", "inside sub/index.html"),
    ],
)
def test_a_path_is_what_it_is_without_dot_segments(client: Client, path: str, content: str) -> None:
    response = client.get(path)
    assert (response.status, octets_of(response)) == (200, content.encode())


@pytest.mark.parametrize(
    "path",
    [
        *("/../www/a.txt", "/sub/../../www/a.txt", "/sub/%2e%2e/%2e%2e/outside/a.txt"),
        *("/in/../../outside/a.txt", "/out/../outside/a.txt", "/out/deep/../a.txt"),
        *("/sub/../.env", "/./.env", "/sub/..%2f..%2foutside/a.txt", "/a.txt/.", "/sub/../../"),
    ],
)
def test_what_dot_segments_do_not_reach(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status == 404
    assert b"secret" not in octets_of(response)


def test_a_folder_that_is_exchanged_for_a_link_all_the_time(root: Path) -> None:
    """Nothing from outside, and no answer but these, while a folder becomes a link and back."""
    write(root, "swap/a.txt", "inside")
    write(root.parent, "outside/a.txt", "secret")
    parked, between = root.parent / "parked", root.parent / "between"
    parked.symlink_to("outside")
    client = make_client(root)
    swaps = 0
    stop = threading.Event()

    def swap_forever() -> None:
        nonlocal swaps
        while not stop.is_set():
            (root / "swap").rename(between)
            parked.rename(root / "swap")
            between.rename(parked)
            swaps += 1

    thread = threading.Thread(target=swap_forever)
    thread.start()
    found: dict[bytes, int] = {}
    deadline = time.monotonic() + 50
    try:
        while time.monotonic() < deadline and (swaps < SWAPS or len(found) < 2):
            # Now settled, so that answers are remembered, now not.
            client.clock.offset = 10.0 - client.clock.offset
            response = client.get("/swap/a.txt")
            octets = octets_of(response)
            key = octets if response.status == 200 else b"%d" % response.status
            found[key] = found.get(key, 0) + 1
    finally:
        stop.set()
        thread.join(10)
    assert found.keys() == {b"inside", b"404"}
    assert swaps >= SWAPS
