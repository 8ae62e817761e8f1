"""The proxy with real upstreams: uvicorn, nginx, gRPC, an application of our own, and itself."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import pytest

from tests.support.clients import curl, h2load
from tests.support.hosted import write_application
from tests.support.processes import DEADLINE, RunningServer, accepts, running, wait_until
from tests.support.servers import free_port
from tests.support.tools import require_tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ADDRESS = ("--no-tls", "-a", "127.0.0.1")
VERSIONS = ("--http1.1", "--http2-prior-knowledge")


@contextlib.contextmanager
def program(words: list[str], port: int, **environment: str) -> Iterator[int]:
    """A server that listens at ``port`` while it runs."""
    process = subprocess.Popen(words, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: accepts("127.0.0.1", port), f"{words[0]} to listen", 30)
        yield port
    finally:
        process.terminate()
        process.wait(DEADLINE)


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


@pytest.mark.parametrize("version", VERSIONS)
def test_uvicorn(tmp_path: Path, diary: Path, version: str) -> None:
    pytest.importorskip("uvicorn")
    write_application(tmp_path)
    port = free_port()
    words = [
        sys.executable,
        "-m",
        "uvicorn",
        "shop:app",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    words += ["--app-dir", str(tmp_path)]
    with (
        program(words, port, H2STATIC_TEST_DIARY=str(diary)),
        running(*ADDRESS, "--proxy", f"/api=http://localhost:{port}/", "0") as server,
    ):
        assert b"hello GET" in curl(server.port, "/api/x", version).body
        body = tmp_path / "body"
        body.write_bytes(os.urandom(3_000_000))
        assert (
            curl(server.port, "/api/upload", version, "-H", "expect:", "-T", str(body)).body
            == b"3000000"
        )
        # The head comes while the response goes on; and who goes is noticed.
        url = f"http://127.0.0.1:{server.port}/api/events"
        words = ["curl", "-sN", "--max-time", str(DEADLINE), version, url]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            assert client.stdout.read(13) == b"data: begin\n\n"
            client.kill()
        if version == "--http1.1":
            wait_until(lambda: "events over" in diary.read_text(), "the end of the events")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scheme", ["http", "h2c"])
def test_an_application_of_our_own(tmp_path: Path, diary: Path, version: str, scheme: str) -> None:
    write_application(tmp_path)
    environment = {"H2STATIC_TEST_DIARY": str(diary)}
    words = ("--app", "shop:app", "--app-dir", str(tmp_path))
    with (
        running(*ADDRESS, *words, "0", environment=environment) as behind,
        running(*ADDRESS, "--proxy", f"/api={scheme}://127.0.0.1:{behind.port}/", "0") as server,
    ):
        assert b"hello GET" in curl(server.port, "/api/x", version).body
        assert curl(server.port, "/api/raise", version).status == 500
        load = h2load(server.port, ["/api/x"], "-n", "2000", "-c", "10", "-m", "10")
        assert load.succeeded == 2000


def test_nginx(tmp_path: Path) -> None:
    port = free_port()
    content = os.urandom(20_000_000)
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "large.bin").write_bytes(content)
    (tmp_path / "www" / "index.html").write_text("hello")
    for name in ("body", "proxy"):
        (tmp_path / name).mkdir()
    (tmp_path / "nginx.conf").write_text(
        f"""
daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
  fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
  server {{ listen 127.0.0.1:{port}; root {tmp_path}/www;
    location /moved {{ return 302 http://$http_host/large.bin; }} }}
}}
"""
    )
    nginx = require_tool("nginx", package="nginx")
    words = [nginx, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)]
    words += ["-e", str(tmp_path / "early.log")]
    with (
        program(words, port),
        running(*ADDRESS, "--proxy", f"/=http://127.0.0.1:{port}", "0") as server,
    ):
        for version in VERSIONS:
            assert curl(server.port, "/", version).body == b"hello"
            got = curl(server.port, "/large.bin", version)
            assert hashlib.sha256(got.body).digest() == hashlib.sha256(content).digest()
            part = curl(server.port, "/large.bin", version, "-r", "5-9")
            assert (part.status, part.body) == (206, content[5:10])
        load = h2load(server.port, ["/"], "-n", "5000", "-c", "10", "-m", "20")
        assert load.succeeded == 5000


def test_grpc(tmp_path: Path) -> None:
    grpc = pytest.importorskip("grpc")

    def unary(octets: bytes, context: object) -> bytes:
        return octets[::-1]

    def both(pieces: Iterator[bytes], context: object) -> Iterator[bytes]:
        for piece in pieces:
            yield piece * 2

    def fails(octets: bytes, context: object) -> bytes:
        context.set_trailing_metadata((("x-why", "because"),))  # type: ignore[attr-defined]
        context.abort(grpc.StatusCode.NOT_FOUND, "nothing here")  # type: ignore[attr-defined]
        raise AssertionError

    behind = grpc.server(futures.ThreadPoolExecutor(4))
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Fails": grpc.unary_unary_rpc_method_handler(fails),
    }
    behind.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo.Echo", handlers),))
    port = behind.add_insecure_port("127.0.0.1:0")
    behind.start()
    try:
        with (
            running(*ADDRESS, "--proxy", f"/echo.Echo=h2c://127.0.0.1:{port}", "0") as server,
            grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        ):
            assert channel.unary_unary("/echo.Echo/Unary")(b"abc", timeout=20) == b"cba"
            large = os.urandom(1_000_000)
            assert channel.unary_unary("/echo.Echo/Unary")(large, timeout=20) == large[::-1]
            step = threading.Semaphore(1)

            def pieces() -> Iterator[bytes]:
                # Each waits for the answer to the one before.
                for number in range(10):
                    assert step.acquire(timeout=10)
                    yield b"%d" % number

            for number, answer in enumerate(
                channel.stream_stream("/echo.Echo/Both")(pieces(), timeout=20)
            ):
                assert answer == b"%d" % number * 2
                step.release()
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary("/echo.Echo/Fails")(b"", timeout=20)
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert caught.value.details() == "nothing here"
            assert ("x-why", "because") in [
                (one.key, one.value) for one in caught.value.trailing_metadata()
            ]
    finally:
        behind.stop(0).wait(DEADLINE)


def test_a_folder_and_an_upstream_in_dev_mode(tmp_path: Path, diary: Path) -> None:
    write_application(tmp_path)
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<!doctype html><title>folder</title>")
    environment = {"H2STATIC_TEST_DIARY": str(diary)}
    words = ("--app", "shop:app", "--app-dir", str(tmp_path))
    page = ("-H", "accept: text/html,*/*", "-H", "accept-encoding: gzip")
    port = free_port()
    with running(
        *ADDRESS, "--dev", "--proxy", f"/api=http://localhost:{port}", "0", str(tmp_path / "www")
    ) as server:
        assert b"/.h2static/client.js" in curl(server.port, "/", *page).body
        down = curl(server.port, "/api/x", *page)
        assert down.status == 502
        assert f"localhost:{port}".encode() in down.body
        assert b"/.h2static/client.js" in down.body
        with running(*ADDRESS, *words, str(port), environment=environment):
            up = curl(server.port, "/api/x", *page)
            assert up.status == 200
            assert b"hello GET" in up.body
            assert b"/.h2static/client.js" in up.body
            # What is no page stays as it is.
            assert b"client.js" not in curl(server.port, "/api/x").body
        wait_until(lambda: f"→ localhost:{port}" in server.stdout(), "the request log")
        assert any("502" in line and "/api/x" in line for line in server.stdout().splitlines())


def test_a_loop(tmp_path: Path) -> None:
    port = free_port()
    with running(*ADDRESS, "--proxy", f"/a=http://127.0.0.1:{port}", str(port)) as server:
        assert curl(server.port, "/a/x").status == 508


def test_each_host_has_its_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    with (
        running(*ADDRESS, "0", str(tmp_path / "one")) as one,
        running(*ADDRESS, "0", str(tmp_path / "two")) as two,
    ):
        tables = "".join(
            f'[[host]]\nnames = ["{name}.test"]\n[host.proxy."/up"]\n'
            f'target = "h2c://127.0.0.1:{server.port}/"\n'
            for name, server in (("one", one), ("two", two))
        )
        (tmp_path / "hosts.toml").write_text(f"port = 0\nno-tls = true\n{tables}")
        with running("--config", str(tmp_path / "hosts.toml")) as server:
            for name in ("one", "two"):
                got = curl(server.port, "/up/file", "-H", f"host: {name}.test")
                assert got.body == name.encode()


# ---------------------------------------------------------------------- under load


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[RunningServer]:
    folder = tmp_path / "behind"
    folder.mkdir()
    (folder / "file").write_bytes(b"x" * 1024)
    with running(*ADDRESS, "0", str(folder)) as server:
        yield server


@pytest.mark.parametrize("scheme", ["http", "h2c"])
def test_reload_under_load(behind: RunningServer, scheme: str) -> None:
    target = f"/={scheme}://127.0.0.1:{behind.port}"
    with running(*ADDRESS, "--proxy", target, "0") as server:
        reloads = 0
        ended = threading.Event()

        def reload() -> None:
            nonlocal reloads
            while not ended.wait(0.5):
                server.signal(signal.SIGHUP)
                reloads += 1

        thread = threading.Thread(target=reload)
        thread.start()
        try:
            # Connections end with their worker, requests do not: each client asks once.
            for _ in range(150):
                assert curl(server.port, "/file", "--http2-prior-knowledge").status == 200
        finally:
            ended.set()
            thread.join(DEADLINE)
        assert reloads >= 2


@pytest.mark.parametrize("scheme", ["http", "h2c"])
def test_upstreams_that_fail_under_load(tmp_path: Path, scheme: str) -> None:
    """Two upstreams are restarted in turn: no request is lost that was not sent."""
    folder = tmp_path / "behind"
    folder.mkdir()
    (folder / "file").write_bytes(b"x" * 1024)
    ports = [free_port(), free_port()]
    config = tmp_path / "h2static.toml"
    targets = ", ".join(f'"{scheme}://127.0.0.1:{port}"' for port in ports)
    config.write_text(f'port = 0\nno-tls = true\n[proxy."/"]\ntarget = [{targets}]\n')
    with contextlib.ExitStack() as stack:
        running_now = [stack.enter_context(contextlib.ExitStack()) for _ in ports]
        upstreams = [
            one.enter_context(running(*ADDRESS, str(port), str(folder)))
            for one, port in zip(running_now, ports, strict=True)
        ]
        server = stack.enter_context(running("--config", str(config)))
        failed: list[int] = []
        asked = 0
        ended = threading.Event()

        def ask() -> None:
            nonlocal asked
            while not ended.is_set():
                status = curl(server.port, "/file", "--http2-prior-knowledge").status
                asked += 1
                if status != 200:
                    failed.append(status)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            for place, port in enumerate(ports):
                time.sleep(0.5)
                # It drains: GOAWAY, or the end of idle connections.  A second signal would cut off.
                upstreams[place].signal(signal.SIGTERM)
                assert upstreams[place].wait() == 0
                running_now[place].close()
                again = running(*ADDRESS, str(port), str(folder))
                upstreams[place] = running_now[place].enter_context(again)
        ended.set()
        for thread in threads:
            thread.join(DEADLINE)
        assert failed == []
        assert asked > 20


# ---------------------------------------------------------------------- memory


def memory_kib(server: RunningServer) -> int:
    """Resident memory of the only worker."""
    (worker,) = server.workers()
    fields = Path(f"/proc/{worker}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scheme", ["http", "h2c"])
@pytest.mark.parametrize("up", [False, True], ids=["download", "upload"])
def test_memory_with_a_slow_side(
    tmp_path: Path, diary: Path, version: str, scheme: str, up: bool
) -> None:
    """100 MiB are on their way, and whoever is to take them takes 1 MiB a second."""
    write_application(tmp_path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    environment = {"H2STATIC_TEST_DIARY": str(diary)}
    words = ("--app", "shop:app", "--app-dir", str(tmp_path), "0", str(tmp_path))
    with (
        running(*ADDRESS, *words, environment=environment) as behind,
        running(*ADDRESS, "--proxy", f"/={scheme}://127.0.0.1:{behind.port}", "0") as server,
    ):
        for _ in range(3):
            curl(server.port, "/h2static.py", version)
        before = memory_kib(server)
        url = f"http://127.0.0.1:{server.port}"
        command = ["curl", "-s", version, "--limit-rate", "1M", "-o", "/dev/null"]
        if up:
            # The upstream takes nothing of it.
            command = ["curl", "-s", version, "-o", "/dev/null", "-T", str(tmp_path / "large")]
            url += "/slow-upload"
        else:
            url += "/large"
        client = subprocess.Popen([*command, url])
        try:
            most = before
            for _ in range(30):
                time.sleep(0.1)
                most = max(most, memory_kib(server))
        finally:
            client.kill()
            client.wait(DEADLINE)
        assert most - before < 4096


def test_imports(tmp_path: Path) -> None:
    """A worker that passes nothing on does not load the proxy."""
    assert importlib.util.find_spec("h2static.proxy.application") is not None
    code = (
        "import sys, h2static.assembly, h2static.config; "
        "print([m for m in sys.modules if m.startswith('h2static.proxy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "application" not in done.stdout
