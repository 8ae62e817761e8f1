"""h2load as the client: much at once, every answer counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients import h2load
from tests.support.clients_site import SIZES, write_site
from tests.support.processes import RunningServer, running, wait_until

ADDRESS = ("--no-tls", "-a", "127.0.0.1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("www"))


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    with running(*ADDRESS, "0", str(root)) as server:
        yield server


@pytest.mark.parametrize(
    ("requests", "options"),
    [
        (20_000, ("-c", "10", "-m", "100")),
        (2_000, ("-c", "100", "-m", "1")),
        (500, ("-c", "1", "-m", "1")),
    ],
)
def test_a_small_file(server: RunningServer, requests: int, options: tuple[str, ...]) -> None:
    load = h2load(server.port, ["/index.html"], "-n", str(requests), *options)
    size = len(b"<!doctype html><title>t</title><p>hello")
    assert (load.succeeded, load.failed, load.errored, load.timeout) == (requests, 0, 0, 0)
    assert load.classes[2] == requests
    assert load.data == requests * size


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-w", "14", "-W", "14"),
        ("-w", "16", "-W", "16"),
        ("--header-table-size", "0"),
        ("--header-table-size", "128", "--encoder-header-table-size", "64"),
        ("-H", "cookie: a=b", "-H", "accept-encoding: gzip, br"),
    ],
    ids=" ".join,
)
def test_contents_of_all_sizes(server: RunningServer, options: tuple[str, ...]) -> None:
    paths = [f"/{size}.bin" for size in SIZES]
    requests = 50 * len(paths)
    load = h2load(server.port, paths, "-n", str(requests), "-c", "5", "-m", "20", *options)
    assert (load.succeeded, load.failed, load.errored, load.timeout) == (requests, 0, 0, 0)
    # Each of the five clients goes through the list from its beginning.
    assert load.data == 50 * sum(SIZES)


def test_statuses(server: RunningServer) -> None:
    load = h2load(server.port, ["/nowhere"], "-n", "1000", "-c", "4", "-m", "50")
    assert load.classes == {2: 0, 3: 0, 4: 1000, 5: 0}
    load = h2load(server.port, ["/sub"], "-n", "1000", "-c", "4", "-m", "50")
    assert load.classes == {2: 0, 3: 1000, 4: 0, 5: 0}


def test_uploads(root: Path) -> None:
    with running(*ADDRESS, "--echo-upload", "0", str(root)) as server:
        content = str(root / "16385.bin")
        load = h2load(server.port, ["/x"], "-n", "500", "-c", "5", "-m", "10", "-d", content)
        assert (load.succeeded, load.failed, load.errored) == (500, 0, 0)
        assert load.data == 500 * 16_385


def test_uploads_that_nobody_wants(server: RunningServer, root: Path) -> None:
    content = str(root / "16385.bin")
    load = h2load(server.port, ["/"], "-n", "500", "-c", "5", "-m", "10", "-d", content)
    assert load.classes[4] == 500
    assert load.errored == 0


def test_with_everything_switched_on(root: Path) -> None:
    """The log, padding and trailers take the slow path; it is the same server."""
    words = ("-v", "-b", "64", "--trailer", "x-digest: none", "-m", "10", "-n", "2")
    with running(*ADDRESS, *words, "0", str(root)) as server:
        load = h2load(server.port, ["/index.html"], "-n", "2000", "-c", "10", "-m", "10")
        assert (load.succeeded, load.failed, load.errored) == (2000, 0, 0)
        wait_until(lambda: server.stdout().count("] closed\n") == 10, "ten ends in the log")
        assert server.stdout().count("recv (stream_id=1) :method: GET") == 10
        assert "Traceback" not in server.stderr()
