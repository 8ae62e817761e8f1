"""HTTP/3 as clients see it: libcurl with ngtcp2, aioquic's own client, Chromium over QUIC."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from h2static.http3.registry import ErrorCode
from tests.support.browser import browsing
from tests.support.certificates import Certificate, make_certificate
from tests.support.curl_http3 import CurlAnswer, fetch, needs_http3
from tests.support.hosted import write_application
from tests.support.processes import RunningServer, run, running, wait_until
from tests.support.quic_client import QuicClient
from tests.support.servers import free_port
from tests.support.websocket_frames import CLOSE, TEXT, frame, read_frames

PAGE = b"<!doctype html><title>over QUIC</title><link rel=stylesheet href=a.css>"
LARGE = bytes(range(256)) * 4_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("http3")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Certificate:
    made = make_certificate(folder)
    made.authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return made


@pytest.fixture(scope="module")
def site(folder: Path) -> Path:
    root = folder / "www"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_bytes(PAGE)
    (root / "a.css").write_bytes(b"body { color: black }\n" * 100)
    (root / "large.bin").write_bytes(LARGE)
    (root / "sub" / "index.html").write_bytes(b"below")
    return root


@pytest.fixture(scope="module")
def server(folder: Path, site: Path, certificate: Certificate) -> Iterator[RunningServer]:
    log = f"--access-log={folder / 'access.log'}"
    words = ("--http3", "--echo-upload", "-p", "/=/a.css", "-a", "127.0.0.1", log)
    with running(*words, "0", str(site), *certificate.words) as started:
        yield started


def curl(server: RunningServer, folder: Path, path: str = "/", **more: object) -> CurlAnswer:
    url = f"https://127.0.0.1:{server.port}{path}"
    return fetch(url, folder / "authority.pem", **more)  # type: ignore[arg-type]  # as named there


# ---------------------------------------------------------------------- the site


@needs_http3
def test_a_page(server: RunningServer, folder: Path) -> None:
    answer = curl(server, folder)
    assert (answer.status, answer.version, answer.body) == (200, 30, PAGE)
    assert "content-type: text/html" in answer.head
    assert "alt-svc" not in answer.head


@needs_http3
def test_a_large_file(server: RunningServer, folder: Path) -> None:
    assert curl(server, folder, "/large.bin").body == LARGE


@needs_http3
def test_head_has_no_content(server: RunningServer, folder: Path) -> None:
    answer = curl(server, folder, "/large.bin", nobody=True)
    assert (answer.status, answer.body) == (200, b"")
    assert f"content-length: {len(LARGE)}" in answer.head


@needs_http3
@pytest.mark.parametrize(
    ("fields", "status", "body"),
    [
        (("Range: bytes=10-19",), 206, LARGE[10:20]),
        (("Range: bytes=-5",), 206, LARGE[-5:]),
        (("Range: bytes=99999999-",), 416, None),
        (("If-None-Match: *",), 304, b""),
        (("If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT",), 304, b""),
        (('If-Match: "x"',), 412, None),
    ],
)
def test_conditions_and_ranges(
    server: RunningServer, folder: Path, fields: tuple[str, ...], status: int, body: bytes | None
) -> None:
    answer = curl(server, folder, "/large.bin", fields=fields)
    assert answer.status == status
    assert body is None or answer.body == body


@needs_http3
@pytest.mark.parametrize(
    ("path", "status"),
    [("/missing", 404), ("/sub", 301), ("/sub/", 200), ("/../etc/passwd", 404), ("/a%00b", 400)],
)
def test_paths(server: RunningServer, folder: Path, path: str, status: int) -> None:
    assert curl(server, folder, path).status == status


@needs_http3
@pytest.mark.parametrize("size", [0, 1, 70_000, 1_000_000])
def test_content_comes_back(server: RunningServer, folder: Path, size: int) -> None:
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    answer = curl(server, folder, "/", upload=content)
    assert answer.status == 200
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(content).digest()


def test_hints_come_early(server: RunningServer) -> None:
    """Push rules are hints: no client takes promises of HTTP/3."""
    with QuicClient(server.port) as client:
        client.ask("/", fields=((b"sec-fetch-mode", b"navigate"),))
        answer = client.answers[0]
        client.until(lambda: answer.ended)
        assert answer.data == PAGE
        assert [one[b":status"] for one in answer.interim] == [b"103"]
        assert b"/a.css" in answer.interim[0][b"link"]


@needs_http3
def test_alt_svc_is_told_over_tls(server: RunningServer, folder: Path) -> None:
    for version in (2, 4):
        answer = curl(server, folder, version=version)
        assert f'alt-svc: h3=":{server.port}"; ma=86400' in answer.head.lower()


def test_the_access_log_has_the_version(server: RunningServer, folder: Path) -> None:
    with QuicClient(server.port) as client:
        assert client.get("/sub/?logged").status == 200
        line = '"GET /sub/?logged HTTP/3.0" 200 5 '
        wait_until(lambda: line in (folder / "access.log").read_text(), "the line")


def test_counters(site: Path, certificate: Certificate) -> None:
    words = ("--http3", "-a", "127.0.0.1", "0", str(site), *certificate.words)
    with running(*words) as started, QuicClient(started.port) as client:
        for _ in range(3):
            assert client.get().status == 200
        (worker,) = started.counters()
        told = worker["counters"]
        assert isinstance(told, dict)
        assert (told["requests"], told["connections"], told["accepted"]) == (3, 1, 1)


# ---------------------------------------------------------------------- options


@needs_http3
def test_http3_only(folder: Path, site: Path, certificate: Certificate) -> None:
    words = ("--http3-only", "-a", "127.0.0.1", "0", str(site), *certificate.words)
    with running(*words) as started:
        assert curl(started, folder).body == PAGE
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", started.port)).close()
        started.signal(signal.SIGHUP)
        started.wait_for_stderr("[reload] reloaded")
        assert curl(started, folder).body == PAGE


@needs_http3
def test_http1_only(folder: Path, site: Path, certificate: Certificate) -> None:
    words = ("--http1-only", "-a", "127.0.0.1", "0", str(site), *certificate.words)
    with running(*words) as started:
        answer = curl(started, folder, version=4)
        assert answer.head.startswith("HTTP/1.1 200")
        assert "alt-svc" not in answer.head.lower()


@needs_http3
@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("--http3", "--alt-svc=off"), None),
        (("--alt-svc=clear",), "clear"),
        (("--http3", "--dev"), None),
        (("--http3", "--dev", "--alt-svc=on"), "h3="),
    ],
)
def test_when_alt_svc_is_told(
    folder: Path, site: Path, certificate: Certificate, words: tuple[str, ...], value: str | None
) -> None:
    words = (*words, "-a", "127.0.0.1", "0", str(site), *certificate.words)
    with running(*words) as started:
        head = curl(started, folder, version=2).head.lower()
        assert ("alt-svc: " in head) == (value is not None)
        assert value is None or f"alt-svc: {value}" in head


@needs_http3
def test_alt_svc_is_cleared_when_http3_is_switched_off(
    folder: Path, site: Path, certificate: Certificate, tmp_path: Path
) -> None:
    file = tmp_path / "h2static.toml"
    file.write_text("http3 = true\n")
    words = ("-a", "127.0.0.1", "--config", str(file), "0", str(site), *certificate.words)
    with running(*words) as started:
        assert 'alt-svc: h3=":' in curl(started, folder, version=2).head
        file.write_text("http3 = false\n")
        started.signal(signal.SIGHUP)
        started.wait_for_stderr("[reload] reloaded")
        # The worker of before may accept for a moment.
        wait_until(
            lambda: "alt-svc: clear" in curl(started, folder, version=2).head, "the configuration"
        )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--http3", "--no-tls", "0", "."), "HTTP/3 is always encrypted: --http3 requires TLS"),
        (("--http3", "--http2-only", "0", "."), "--http3 cannot be combined with --http2-only"),
        (
            ("--http1-only", "--http2-only", "0", "."),
            "--http1-only cannot be combined with --http2-only",
        ),
    ],
)
def test_what_does_not_go_together(words: tuple[str, ...], text: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert text in done.stderr


def test_without_the_extra_one_line_says_what_to_install(site: Path) -> None:
    program = (
        "import importlib.util as u, sys; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'aioquic' else find(name, *more)\n"
        "from h2static.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--http3", "0", str(site)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "HTTP/3 requires aioquic: pip install 'h2static[http3]'" in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_port_of_udp_that_somebody_has(site: Path, certificate: Certificate) -> None:
    # Nobody has it for TCP, either, not even for a connection that was closed a moment ago.
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        done = run("--http3", "-a", "127.0.0.1", str(port), str(site), *certificate.words)
    assert done.returncode == 1
    assert f"cannot listen on UDP 127.0.0.1:{port}: Address already in use" in done.stderr


def test_secrets_for_wireshark(tmp_path: Path, site: Path, certificate: Certificate) -> None:
    log = tmp_path / "secrets"
    words = ("--http3", "-a", "127.0.0.1", "0", str(site), *certificate.words)
    with (
        running(*words, environment={"SSLKEYLOGFILE": str(log)}) as started,
        QuicClient(started.port) as client,
    ):
        assert client.get().status == 200
    assert "CLIENT_TRAFFIC_SECRET_0" in log.read_text()


# ---------------------------------------------------------------------- frames


def test_the_frame_log(site: Path, certificate: Certificate) -> None:
    words = ("--http3", "-v", "-a", "127.0.0.1", "0", str(site), *certificate.words)
    with running(*words) as started:
        with QuicClient(started.port) as client:
            assert client.get("/sub/").status == 200
        wait_until(lambda: "] closed" in started.stdout(), "the end")
        shown = started.stdout()
    for text in (
        "The negotiated protocol: h3",
        "send SETTINGS frame <length=",
        "[SETTINGS_MAX_FIELD_SECTION_SIZE(0x06):65536]",
        "recv stream_id=2 is a control stream",
        "recv SETTINGS frame <length=",
        "recv (stream_id=0) :path: /sub/",
        "recv HEADERS frame <length=",
        "; Open new stream",
        "send HEADERS frame <length=",
        "; First response header",
        "          :status: 200",
        "send DATA frame <length=5, stream_id=0>",
        "stream_id=0 closed",
    ):
        assert text in shown, text


def test_tampered_frames_end_the_connection_and_no_other(
    site: Path, certificate: Certificate
) -> None:
    words = ("--http3", "-a", "127.0.0.1", "0", str(site), *certificate.words)
    with running(*words) as started, QuicClient(started.port) as witness:
        for stream_id, octets, code in (
            (0, b"\x00\x03abc", ErrorCode.H3_FRAME_UNEXPECTED),
            (2, b"\x00\x00\x00", ErrorCode.H3_MISSING_SETTINGS),
            (2, b"\x01\x00", ErrorCode.H3_STREAM_CREATION_ERROR),
            (0, b"\x01\x03\x02\x00\x80", ErrorCode.QPACK_DECOMPRESSION_FAILED),
        ):
            with QuicClient(started.port, plain=True) as client:
                client.send(stream_id, octets)
                client.until(lambda client=client: client.closed is not None)  # type: ignore[misc]
                assert client.closed is not None
                assert client.closed.error_code == code
            started.wait_for_stderr(code.name)
            assert witness.get().status == 200
        (worker,) = started.counters()
        told = worker["counters"]
        assert isinstance(told, dict)
        assert told["violations"] == 4


# ---------------------------------------------------------------------- applications


def test_a_websocket(tmp_path: Path, certificate: Certificate) -> None:
    """RFC 9220: where the application takes WebSockets."""
    write_application(tmp_path)
    words = ("--http3", "-a", "127.0.0.1", "--app", "shop:app", "--app-dir", str(tmp_path), "0")
    diary = tmp_path / "diary"
    environment = {"H2STATIC_TEST_DIARY": str(diary)}
    operands = (str(tmp_path), *certificate.words)
    with running(*words, *operands, environment=environment) as started:
        with QuicClient(started.port) as client:
            fields = ((b"sec-websocket-version", b"13"), (b"sec-websocket-protocol", b"chat"))
            number = client.connect_to("websocket", "/ws", fields)
            answer = client.answers[number]
            client.until(lambda: answer.status > 0)
            assert answer.status == 200
            assert answer.headers[b"sec-websocket-protocol"] == b"chat"
            for text in (b"hello", b"x" * 100_000):
                answer.data = b""
                client.say(number, frame(TEXT, text))
                client.until(lambda text=text: len(answer.data) > len(text))  # type: ignore[misc]
                assert b"".join(one.data for one in read_frames(answer.data)) == text
            client.say(number, frame(CLOSE, b"\x03\xe8"))
            client.until(lambda: answer.ended)
        wait_until(lambda: "websocket 1000" in diary.read_text(), "the application knows")


# ---------------------------------------------------------------------- a browser


@pytest.mark.slow
def test_chromium(folder: Path, tmp_path: Path, site: Path, certificate: Certificate) -> None:
    words = ("--http3", "-a", "127.0.0.1", "0", str(site), *certificate.words)
    with running(*words) as started:
        public = x509.load_pem_x509_certificate(certificate.cert.read_bytes()).public_key()
        key = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
        origin = f"127.0.0.1:{started.port}"
        with browsing(
            tmp_path,
            "--enable-quic",
            f"--origin-to-force-quic-on={origin}",
            f"--ignore-certificate-errors-spki-list={pin}",
        ) as browser:
            browser.driver.get(f"https://{origin}/")
            assert browser.run("document.title") == "over QUIC"
            told = browser.run(
                "JSON.stringify(performance.getEntries().map(one => one.nextHopProtocol))"
            )
            assert isinstance(told, str)
            protocols = [one for one in json.loads(told) if one]
            assert protocols
            assert set(protocols) == {"h3"}
