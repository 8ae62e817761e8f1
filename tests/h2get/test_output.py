"""Options of ``h2get`` about connections and output, its errors, and its log beside nghttp's."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from h2static.h2get.arguments import build_parser
from hpacktools.codec import EMPTY_TABLE, decode_block
from tests.h2get.conftest import FILES
from tests.support.certificates import Certificate
from tests.support.fake_server import Visitor, fake_server
from tests.support.frame_logs import parse_log, skeleton
from tests.support.h2get import h2get
from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.servers import running_nghttpd
from tests.support.tools import require_tool

# ---------------------------------------------------------------------- the log


def nghttp(*words: str) -> str:
    program = require_tool("nghttp", package="nghttp2-client")
    done = subprocess.run(
        [program, *words], capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    return done.stdout


def without_acknowledgments(lines: list[str]) -> list[str]:
    """When SETTINGS are acknowledged depends on when they arrive."""
    text = "\n".join(lines).replace("SETTINGS frame <flags=0x01, stream_id=0>\n; ACK\n", "")
    return text.split("\n")


def without_priorities(lines: list[str]) -> list[str]:
    """nghttp 1.52 sends the priorities of RFC 7540, which are gone: flag, signal, stream number."""
    text = "\n".join(lines)
    text = re.sub(r"flags=0x2(\d), stream_id=13>", r"flags=0x0\1, stream_id=1>", text)
    text = re.sub(r"stream_id=13>", "stream_id=1>", text)
    text = text.replace(" | PRIORITY", "").replace(", dep_stream_id=11, weight=16, exclusive=0", "")
    return text.split("\n")


@pytest.mark.parametrize("path", ["/app.js", "/empty", "/none", "/sub", "/large.bin"])
@pytest.mark.parametrize("server", ["url", "theirs"])
def test_the_log_has_nghttps_lines(server: str, path: str, request: pytest.FixtureRequest) -> None:
    uri = request.getfixturevalue(server) + path
    mine, other = h2get("-nv", uri).output, nghttp("-nv", uri)
    for verb in ("send", "recv"):
        ours = without_acknowledgments(skeleton(mine, verb))
        theirs = without_acknowledgments(without_priorities(skeleton(other, verb)))
        if path == "/large.bin":
            # Where credit is returned is another matter, and how much.
            ours = [one for one in ours if "WINDOW_UPDATE" not in one and "increment" not in one]
            theirs = [
                one for one in theirs if "WINDOW_UPDATE" not in one and "increment" not in one
            ]
            if verb == "recv":
                ours, theirs = list(dict.fromkeys(ours)), list(dict.fromkeys(theirs))
        assert ours == theirs
    assert mine.splitlines()[0].endswith("] Connected")
    assert [one.verb for one in parse_log(mine) if one.type == "SETTINGS" and one.flags] == [
        "send", "recv",
    ]  # fmt: skip


def test_pushes_in_the_log(url: str) -> None:
    uri = f"{url}/"
    mine, other = h2get("-nv", uri).output, nghttp("-nv", uri)
    for verb in ("send", "recv"):
        ours = without_acknowledgments(skeleton(mine, verb))
        theirs = without_acknowledgments(without_priorities(skeleton(other, verb)))
        assert ours == theirs


def test_the_log_of_http1(url: str) -> None:
    lines = h2get("-nv", "--http1.1", f"{url}/app.js").output.splitlines()
    assert re.fullmatch(r"\[ [ \d]\d\.\d{3}\] Connected", lines[0])
    assert re.fullmatch(r"\[ [ \d]\d\.\d{3}\] send GET /app.js HTTP/1.1", lines[1])
    assert f"          host: {url.removeprefix('http://')}" in lines
    assert any(re.fullmatch(r"\[ [ \d]\d\.\d{3}\] recv HTTP/1.1 200 OK", line) for line in lines)


def test_colour(url: str) -> None:
    assert "\x1b[1;36mHEADERS\x1b[0m" in h2get("-nv", "--color", f"{url}/app.js").output
    assert "\x1b" not in h2get("-nv", f"{url}/app.js").output


def test_octets(url: str) -> None:
    done = h2get("-n", "--hexdump", f"{url}/app.js")
    assert re.search(r"^00000000  [0-9a-f ]{48}  \|.{16}\|$", done.output, re.MULTILINE)
    octets = "".join(re.findall(r"^[0-9a-f]{8}  ([0-9a-f ]{48})", done.output, re.MULTILINE))
    assert b"let x = 1\n" in bytes.fromhex(octets)


def test_what_strangers_send_is_escaped() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.request()
        visitor.send(visitor.head(1, (b":status", b"200"), (b"x", b"\xff\x1b[31m")))
        visitor.read_to_end()

    with fake_server(serve) as server:
        done = h2get("-nv", server.url)
    assert r"x: \xff\x1b[31m" in done.output
    assert done.code == 1
    assert r"'x': control character in the value" in done.errors


def test_json_lines(url: str) -> None:
    done = h2get("--json", f"{url}/", f"{url}/app.js")
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert lines[0] == {
        "event": "connected", "time": lines[0]["time"], "origin": url, "protocol": "h2",
    }  # fmt: skip
    frames = [line for line in lines if line["event"] == "frame"]
    kinds = [(one["direction"], one["type"]) for one in frames]
    assert kinds[0] == ("sent", "SETTINGS")
    assert kinds[-1] == ("sent", "GOAWAY")
    assert ("received", "PUSH_PROMISE") in kinds
    times = [line["time"] for line in lines]
    assert times == sorted(times)
    # Both tables are followed: the fields are what a decoder makes of the blocks.
    for direction in ("sent", "received"):
        table = EMPTY_TABLE
        for frame in frames:
            if frame["direction"] == direction and "block" in frame:
                decoded = decode_block(bytes.fromhex(frame["block"]), table)
                fields = [
                    (one["name"].encode(), one["value"].encode())
                    for one in frame["fields"]
                    if "name" in one
                ]
                assert tuple(fields) == decoded.fields
                table = decoded.table
                assert frame["fields"][-1]["table"]["entries"] == len(table.entries)
    second = [one for one in frames if one["type"] == "HEADERS" and one["direction"] == "sent"][1]
    assert {one["kind"] for one in second["fields"]} >= {"indexed field"}
    data = next(one for one in frames if one["type"] == "DATA" and one["stream"] == 1)
    assert (data["content"], data["flags"]) == (len(FILES["index.html"]), ["END_STREAM"])


def test_json_of_http1_and_of_what_is_wrong(url: str) -> None:
    lines = [
        json.loads(x) for x in h2get("--json", "--http1.1", f"{url}/app.js").output.split("\n") if x
    ]
    assert [line["event"] for line in lines] == ["connected", "message", "message"]
    assert lines[2]["start"] == "HTTP/1.1 200 OK"

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.request()
        visitor.send(b"\x00\x00\x01\x00\x00\x00\x00\x00\x01x")
        visitor.read_to_end()

    with fake_server(serve) as server:
        done = h2get("--json", server.url)
    events = [json.loads(line) for line in done.output.splitlines()]
    wrong = next(one for one in events if one["event"] == "violation")
    assert (wrong["stream"], wrong["code"]) == (1, "PROTOCOL_ERROR")
    assert done.code == 1


# ---------------------------------------------------------------------- files and tables


def test_files(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = h2get("-o", "a", "-o", "b", f"{url}/large.bin", f"{url}/logo.png", f"{url}/app.js")
    assert (tmp_path / "a").read_bytes() == FILES["large.bin"]
    assert (tmp_path / "b").read_bytes() == FILES["logo.png"]
    assert done.octets == FILES["app.js"]
    assert h2get("-o", "-", f"{url}/app.js").octets == FILES["app.js"]
    assert h2get("-O", f"{url}/logo.png?x=/y", f"{url}/", f"{url}/%2e%2e%2fapp.js").code == 0
    assert (tmp_path / "logo.png").read_bytes() == FILES["logo.png"]
    assert (tmp_path / "index.html").read_bytes() == FILES["index.html"]
    assert not (tmp_path.parent / "app.js").exists()
    done = h2get("-o", str(tmp_path / "none/x"), f"{url}/app.js")
    assert (done.code, done.errors.count("\n")) == (1, 1)
    assert "none/x: No such file or directory" in done.errors


def test_statistics(url: str) -> None:
    done = h2get("-ns", f"{url}/", f"{url}/none")
    rows = [line.split() for line in done.output.splitlines() if re.match(r" +\d+ ", line)]
    assert {(row[0], row[-3], row[-1]) for row in rows} == {
        ("1", "200", "/"), ("3", "404", "/none"), ("2", "200", "/style.css"),
    }  # fmt: skip
    assert any(row[2] == "*" for row in rows)
    assert all(re.fullmatch(r"\+[0-9.]+(us|ms|s)", row[1]) for row in rows)


def test_fail(url: str) -> None:
    assert h2get("-n", f"{url}/none").code == 0
    done = h2get("-nf", f"{url}/none", f"{url}/app.js")
    assert (done.code, done.errors) == (1, f"h2get: {url}/none: status 404\n")


# ---------------------------------------------------------------------- time


def silent(visitor: Visitor) -> None:
    visitor.greet()
    visitor.read_to_end()


def test_a_time_limit_for_each_request() -> None:
    with fake_server(silent) as server:
        done = h2get("-v", "-t", "100ms", server.url)
    assert done.code == 1
    assert done.errors == f"h2get: {server.url}: not complete within 0.1 s\n"
    assert [one.type for one in parse_log(done.output)][-2:] == ["RST_STREAM", "GOAWAY"]


def test_a_time_limit_for_everything() -> None:
    with fake_server(silent) as server:
        done = h2get("--max-time", "0.1", server.url, server.url)
    assert (done.code, done.errors) == (1, "h2get: not finished within 0.1 s\n")


def test_a_time_limit_for_connecting() -> None:
    with fake_server(Visitor.wait_for_end) as server:
        done = h2get("--connect-timeout", "0.1s", f"https://127.0.0.1:{server.port}/")
    assert done.code == 3
    assert "no connection within 0.1 s" in done.errors


# ---------------------------------------------------------------------- connections


def test_where_to_connect(ours: RunningServer) -> None:
    port = ours.port
    there = FILES["app.js"]
    names = f"http://nowhere.invalid:{port}/app.js"
    assert h2get("--resolve", f"nowhere.invalid:{port}:127.0.0.1", names).octets == there
    assert h2get("--resolve", "*:*:127.0.0.1", names).octets == there
    assert h2get("--connect-to", f"nowhere.invalid:{port}:127.0.0.1:{port}", names).octets == there
    assert h2get("--connect-to", f"::[127.0.0.1]:{port}", "http://x.invalid/app.js").octets == there


def test_a_unix_domain_socket(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running("--no-tls", "-a", f"unix:{path}", "0", str(root)):
        done = h2get("--unix-socket", str(path), "http://localhost/app.js")
    assert done.octets == FILES["app.js"]


def test_a_proxy(ours: RunningServer) -> None:
    asked = []

    def proxy(visitor: Visitor) -> None:
        asked.append(visitor.read_until(b"\r\n\r\n").split(b"\r\n")[0])
        visitor.send(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(("127.0.0.1", ours.port)) as upstream:

            def up() -> None:
                # Either side may have been closed by then.
                with suppress(OSError):
                    while octets := visitor.socket.recv(65_536):
                        upstream.sendall(octets)
                    upstream.shutdown(socket.SHUT_WR)

            thread = threading.Thread(target=up)
            thread.start()
            while octets := upstream.recv(65_536):
                visitor.send(octets)
            visitor.socket.close()
            thread.join(DEADLINE)

    with fake_server(proxy) as place:
        done = h2get("-x", f"127.0.0.1:{place.port}", "http://x.invalid/app.js")
    assert done.octets == FILES["app.js"]
    assert asked == [b"CONNECT x.invalid:80 HTTP/1.1"]


def test_tls(certificate: Certificate, authority: str, root: Path) -> None:
    with running_nghttpd(root, certificate=(certificate.key, certificate.cert)) as server:
        uri = f"https://localhost:{server.port}/app.js"
        done = h2get(uri)
        assert done.code == 3
        assert "the certificate is not trusted" in done.errors
        trusting: tuple[tuple[str, ...], ...]
        trusting = (("-k",), ("-y",), ("--insecure",), ("--cacert", authority))
        for words in trusting:
            assert h2get(*words, uri).octets == FILES["app.js"]
        log = h2get("-nv", "-k", uri).output.splitlines()
        assert log[0].endswith("Connected")
        assert log[1] == "The negotiated protocol: h2"
        other = f"https://other.invalid:{server.port}/app.js"
        there = ("--cacert", authority, "--resolve", "other.invalid:*:127.0.0.1")
        assert h2get(*there, other).code == 3
        assert h2get(*there, "--sni", "localhost", other).octets == FILES["app.js"]
        assert h2get("--http1.1", "-k", uri).code == 1


def test_client_certificates(
    certificate: Certificate, authority: str, root: Path, tmp_path: Path
) -> None:
    issued = certificate.authority.issue_cert("me@example.org")
    cert, key = tmp_path / "me.pem", tmp_path / "me.key"
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    words = ("-a", "127.0.0.1", "-V", "--client-ca", authority)
    with running(*words, "0", str(root), *certificate.words) as server:
        uri = f"https://localhost:{server.port}/app.js"
        mine = ("--cacert", authority, "--cert", str(cert), "--key", str(key))
        assert h2get(*mine, uri).octets == FILES["app.js"]
        assert h2get("--cacert", authority, uri).code in (1, 3)
    done = h2get("--cert", str(tmp_path / "none"), "https://localhost:1/")
    assert (done.code, "none: No such file" in done.errors) == (2, True)


def test_secrets(
    certificate: Certificate, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with running("-a", "127.0.0.1", "0", str(root), *certificate.words) as server:
        assert h2get("-k", f"https://localhost:{server.port}/app.js").code == 0
    assert "CLIENT_TRAFFIC_SECRET_0" in (tmp_path / "keys").read_text()


def test_http1_only_servers(certificate: Certificate, authority: str, url: str) -> None:
    def serve(visitor: Visitor) -> None:
        if visitor.read_until(b"\r\n\r\n").startswith(b"GET"):
            visitor.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                         b"5\r\nhello\r\n0\r\n\r\n")  # fmt: skip
        visitor.wait_for_end()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    with fake_server(serve, context=context) as server:
        done = h2get("--cacert", authority, f"https://localhost:{server.port}/")
        assert (done.code, done.octets) == (0, b"hello")
        log = h2get("-nv", "-k", f"https://localhost:{server.port}/").output
        assert "The negotiated protocol: none, so http/1.1" in log
    with fake_server(serve) as server:
        assert h2get("--http1.1", server.url).octets == b"hello"
    assert h2get("--http1.1", "-m", "3", f"{url}/app.js").octets == FILES["app.js"] * 3


def test_upgrade(url: str) -> None:
    def serve(visitor: Visitor) -> None:
        assert b"upgrade: h2c" in visitor.read_until(b"\r\n\r\n")
        visitor.send(b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        visitor.greet()
        visitor.send(
            visitor.head(1, (b":status", b"200")), b"\x00\x00\x02\x00\x01\x00\x00\x00\x01hi"
        )
        visitor.read_to_end()

    with fake_server(serve) as server:
        done = h2get("-u", server.url)
        assert (done.code, done.octets) == (0, b"hi")
        log = h2get("-nvu", server.url).output
    assert "send GET / HTTP/1.1" in log
    assert "recv HTTP/1.1 101 Go" in log
    frames = parse_log(log.partition("101 Go")[2].partition("h2c\n")[2])
    assert [one.type for one in frames[:2]] == ["SETTINGS", "SETTINGS"]
    # One that does not change answers in HTTP/1.1.
    assert h2get("-u", f"{url}/app.js").octets == FILES["app.js"]


# ---------------------------------------------------------------------- wrong usage


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "missing URI"),
        (["--nothing", "http://x/"], "unknown option --nothing"),
        (["example.org"], "not a URL"),
        (["-w", "31", "http://x/"], "-w/--window-bits: '31' is not an integer from 0 to 30"),
        (["-w"], "-w/--window-bits: expected one argument"),
        (["-c", "4T", "http://x/"], "not a size"),
        (["-c", "5G", "http://x/"], "too large"),
        (["-t", "5 days", "http://x/"], "not a time"),
        (["-p", "0", "http://x/"], "not an integer from 1 to 256"),
        (["-m", "0", "http://x/"], "not an integer from 1"),
        (["-H", "nothing", "http://x/"], "not a field"),
        (["-H", "a b: c", "http://x/"], "not a field"),
        (["--trailer", ":a: b", "-d", "-", "http://x/"], "pseudo-header fields are not allowed"),
        (["--trailer", "a: b", "http://x/"], "requires -d"),
        (["--expect-continue", "http://x/"], "requires -d"),
        (["-d", "/nonexistent", "http://x/"], "--data /nonexistent: No such file"),
        (["--key", "x", "http://x/"], "--key requires --cert"),
        (["-v", "--json", "http://x/"], "cannot be combined"),
        (["-u", "--http1.1", "http://x/"], "cannot be combined"),
        (["-o", "a", "-O", "http://x/"], "cannot be combined"),
        (["-o", "a", "-o", "b", "http://x/"], "more files than URIs"),
        (["--resolve", "x", "http://x/"], "expected HOST:PORT:ADDRESS"),
        (["--resolve", "x:99999:::1", "http://x/"], "not an integer"),
        (["--connect-to", "x:1", "http://x/"], "expected HOST1:PORT1:HOST2:PORT2"),
        (["-x", "ftp://x", "http://x/"], "only http:// proxies"),
    ],
)  # fmt: skip
def test_one_line_for_what_is_wrong(words: list[str], complaint: str) -> None:
    done = h2get(*words)
    assert (done.code, done.octets) == (2, b"")
    assert complaint in done.errors
    assert done.errors.startswith("h2get: ")
    assert done.errors.count("\n") == 1


@pytest.mark.parametrize("words", [("-X", "A B"), ("-H", "a: b\nc"), ("-H", ":path: x")])
def test_a_request_that_cannot_be(url: str, words: tuple[str, ...]) -> None:
    done = h2get(*words, f"{url}/", f"{url}/")
    assert (done.code, done.octets) == (2, b"")
    assert done.errors.startswith(f"h2get: {url}/: not a request: ")
    assert done.errors.count("\n") == 1


def test_no_connection() -> None:
    with socket.socket() as nobody:
        # Nobody else gets the port, and nobody listens there.
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        done = h2get(f"http://127.0.0.1:{port}/")
    assert (done.code, done.errors) == (3, f"h2get: 127.0.0.1:{port}: Connection refused\n")


def test_version_and_help() -> None:
    assert re.fullmatch(r"h2get h2static/\d\S+\n", h2get("--version").output)
    text = h2get("--help").output
    for action in build_parser()._actions:
        if action.option_strings:
            assert action.option_strings[-1] in text
