"""nghttp as the client: windows, tables, padding, priorities, trailers, as its log shows them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients import nghttp
from tests.support.clients_site import HUGE, SIZES, digest, huge_digest, octets, write_site
from tests.support.frame_logs import content_lengths, parse_log, statuses
from tests.support.processes import RunningServer, running, wait_until
from tests.support.tools import require_tool

ADDRESS = ("--no-tls", "-a", "127.0.0.1")
#: Every content, interleaved.
PATHS = [f"/{size}.bin" for size in SIZES]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("www"))


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    with running(*ADDRESS, "0", str(root)) as server:
        yield server


def log_of(server: RunningServer, *options: str, paths: list[str] | None = None) -> str:
    return nghttp(server.port, PATHS if paths is None else paths, "-nv", *options).decode()


@pytest.mark.parametrize("size", SIZES)
def test_content(server: RunningServer, size: int) -> None:
    assert digest(nghttp(server.port, [f"/{size}.bin"])) == digest(octets(size))


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-w", "1", "-W", "14"),
        ("-w", "10"),
        ("-w", "16", "-W", "16"),
        ("-w", "30", "-W", "30"),
        ("-c", "0"),
        ("-c", "100"),
        ("-c", "0", "-c", "4096", "-c", "100"),
        ("-c", "65536"),
        ("--encoder-header-table-size", "0"),
        ("-b", "1"),
        ("-b", "255"),
        ("--no-dep",),
        ("-p", "1"),
        ("--continuation",),
        ("-H", "cookie: a=b; c=d", "-H", "te: trailers"),
    ],
    ids=" ".join,
)
def test_interleaved_contents(server: RunningServer, options: tuple[str, ...]) -> None:
    paths = PATHS if options[:2] != ("-w", "1") else ["/0.bin", "/1.bin", "/style.css"]
    log = log_of(server, *options, paths=paths)
    assert set(statuses(log).values()) == {"200"}
    assert len(statuses(log)) == len(paths)
    announced = [
        int(frame.get("content-length") or "0")
        for frame in parse_log(log)
        if frame.verb == "recv" and frame.type == "HEADERS"
    ]
    received = content_lengths(log)
    assert sorted(received.values()) == sorted(length for length in announced if length)


def test_contents_with_small_windows(server: RunningServer) -> None:
    # 1023 octets a stream: hundreds of WINDOW_UPDATE frames, and the digests are right.
    content = nghttp(server.port, ["/65536.bin"], "-w", "10")
    assert digest(content) == digest(octets(65_536))


def test_huge(server: RunningServer) -> None:
    content = nghttp(server.port, ["/huge.bin"], "-w", "20", "-W", "20")
    assert len(content) == HUGE
    assert digest(content) == huge_digest()


def test_many_streams(server: RunningServer) -> None:
    # -m repeats each URI: 180 streams, where 100 may be open at once.
    log = log_of(server, "-m", "30", "-W", "20")
    assert len(statuses(log)) == 30 * len(PATHS)
    lengths = sorted(content_lengths(log).values())
    assert lengths == sorted(size for size in SIZES if size for _ in range(30))


def test_statuses(server: RunningServer) -> None:
    log = log_of(server, paths=["/nowhere", "/sub", "/", "/style.css?x"])
    assert list(dict(sorted(statuses(log).items())).values()) == ["404", "301", "200", "200"]


def test_head(server: RunningServer) -> None:
    for path, status in (("/65536.bin", "200"), ("/nowhere", "404"), ("/sub", "301")):
        log = log_of(server, "-H", ":method: HEAD", paths=[path])
        assert list(statuses(log).values()) == [status]
        assert content_lengths(log) == {}


def test_uploads_are_refused(server: RunningServer, root: Path) -> None:
    log = log_of(server, "-d", str(root / "65536.bin"), paths=["/style.css"])
    assert list(statuses(log).values()) == ["405"]


def test_expect_continue(root: Path) -> None:
    with running(*ADDRESS, "--echo-upload", "0", str(root)) as server:
        log = log_of(
            server, "-d", str(root / "16385.bin"), "--expect-continue", paths=["/anywhere"]
        )
        answers = [frame for frame in parse_log(log) if frame.verb == "recv" and frame.fields]
        assert [frame.get(":status") for frame in answers] == ["100", "200"]
        assert list(content_lengths(log).values()) == [16_385]
        # Content with trailers, which are legal and of no use here.
        words = ("-d", str(root / "16384.bin"), "--trailer", "x-digest: none")
        assert digest(nghttp(server.port, ["/anywhere"], *words)) == digest(octets(16_384))


def test_settings_of_the_server(root: Path) -> None:
    words = ("-c", "0", "-w", "20", "-W", "21", "-m", "7", "--encoder-header-table-size", "0")
    with running(*ADDRESS, *words, "0", str(root)) as server:
        # -M: nghttp waits for answers from the start, instead of having streams refused.
        log = log_of(server, "-m", "10", "-M", "7")
        assert len(statuses(log)) == 10 * len(PATHS)
        settings, update = (
            next(frame for frame in parse_log(log) if frame.verb == "recv" and frame.type == kind)
            for kind in ("SETTINGS", "WINDOW_UPDATE")
        )
        assert sorted(line for line in settings.details if "SETTINGS_" in line) == [
            "[SETTINGS_HEADER_TABLE_SIZE(0x01):0]",
            "[SETTINGS_INITIAL_WINDOW_SIZE(0x04):1048575]",
            "[SETTINGS_MAX_CONCURRENT_STREAMS(0x03):7]",
            "[SETTINGS_MAX_HEADER_LIST_SIZE(0x06):65536]",
            "[SETTINGS_NO_RFC7540_PRIORITIES(0x09):1]",
        ]
        assert update.stream_id == 0
        assert update.details == [f"(window_size_increment={2**21 - 1 - 65_535})"]
        # nghttp reports an error, were there one octet that it cannot decode.
        assert "COMPRESSION_ERROR" not in log


@pytest.mark.parametrize("padding", [1, 100, 256, 1000])
def test_padding(root: Path, padding: int) -> None:
    words = ("-b", str(padding), "--trailer", "X-Digest: none", "--trailer", "x-more: 1 2")
    with running(*ADDRESS, *words, "0", str(root)) as server:
        log = log_of(server, "-w", "18", "-W", "20")
        assert sorted(content_lengths(log).values()) == [size for size in SIZES if size]
        received = [
            frame
            for frame in parse_log(log)
            if frame.verb == "recv" and frame.type in ("DATA", "HEADERS")
        ]
        assert {frame.length <= 16_384 for frame in received} == {True}
        assert max(frame.padding for frame in received) == min(padding, 256)
        trailers = [frame.fields for frame in received if frame.get("x-more")]
        assert trailers == [[("x-digest", "none"), ("x-more", "1 2")]] * len(SIZES)
        announced = [frame.get("trailer") for frame in received if frame.get("content-type")]
        assert announced == ["x-digest, x-more"] * len(SIZES)


def test_early_response(root: Path) -> None:
    with running(*ADDRESS, "--early-response", "0", str(root)) as server:
        # Only the field section is there when the answer goes out: nghttp waits with the content.
        log = log_of(server, "-d", str(root / "1.bin"), paths=["/style.css"])
        assert list(statuses(log).values()) == ["405"]


def connections(server: RunningServer) -> object:
    """How many connections are open."""
    counters = server.counters()[0]["counters"]
    assert isinstance(counters, dict)
    return counters["connections"]


def test_a_client_that_leaves_in_the_middle(server: RunningServer) -> None:
    """The server lets go of what the client had asked for, and goes on for everybody else."""
    program = require_tool("nghttp", package="nghttp2-client")
    words = [program, "-w", "14", f"http://127.0.0.1:{server.port}/huge.bin"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert len(process.stdout.read(1 << 20)) == 1 << 20
        process.terminate()
    wait_until(lambda: connections(server) == 0, "the connection's end")
    assert digest(nghttp(server.port, ["/16385.bin"])) == digest(octets(16_385))


def test_rfc_7540_priorities_are_ignored(server: RunningServer) -> None:
    """The tree that nghttp 1.52 builds changes nothing; the order is that of the streams."""
    with_tree = log_of(server, "-p", "256", "-w", "20", "-W", "20")
    without = log_of(server, "--no-dep", "-w", "20", "-W", "20")
    orders = [
        [frame.length for frame in parse_log(log) if frame.verb == "recv" and frame.type == "DATA"]
        for log in (with_tree, without)
    ]
    assert orders[0] == orders[1]
