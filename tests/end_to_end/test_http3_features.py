"""What is answered over QUIC is what is answered over TCP: each feature, asked for both ways."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.server.basic_auth import hash_password
from tests.support.certificates import Certificate, make_certificate
from tests.support.curl_http3 import CurlAnswer, fetch, needs_http3
from tests.support.events import wait_for_state
from tests.support.host_certificates import make_authority
from tests.support.processes import RunningServer, running
from tests.support.quic_client import Answer, QuicClient
from tests.support.servers import free_port
from tests.support.websocket_frames import CLOSE, TEXT, frame, read_frames

#: Tells what it was told, and has one path for each thing that responses can have.
_APPLICATION = """
import hashlib
import json
import signal


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    path = scope["path"].removeprefix(scope["root_path"])
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": scope["http_version"] + message["text"]})
        return
    digest, more = hashlib.sha256(), True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
    if path == "/hints":
        links = [b"</style.css>; rel=preload; as=style"]
        await send({"type": "http.response.early_hint", "links": links})
    seen = {name: scope[name] for name in ("http_version", "method", "scheme", "path")}
    seen["query"] = scope["query_string"].decode()
    seen["headers"] = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    seen["extensions"] = sorted(scope["extensions"])
    seen["digest"] = digest.hexdigest()
    trailers = path == "/trailers"
    await send({"type": "http.response.start", "status": 201, "trailers": trailers,
                "headers": [(b"content-type", b"application/json"), (b"x-of", b"the app")]})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b"\\n" * 70_000})
    if trailers:
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]})
"""

ADDRESS = ("-a", "127.0.0.1")
PAGE = b"<!doctype html><title>page</title>" + b"<p>the same again and again</p>" * 200


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    made = make_certificate(tmp_path)
    made.authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return made


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "www"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_bytes(PAGE)
    (root / "style.css").write_bytes(b"body { color: black }\n" * 100)
    (root / "sub" / "index.html").write_bytes(b"below")
    (tmp_path / "told.py").write_text(_APPLICATION)
    return root


@contextlib.contextmanager
def serving(site: Path, certificate: Certificate, *words: str) -> Iterator[RunningServer]:
    words = ("--http3", *ADDRESS, *words, "0", str(site), *certificate.words)
    with running(*words) as server:
        yield server


def both(
    server: RunningServer, folder: Path, path: str, **more: object
) -> tuple[CurlAnswer, CurlAnswer]:
    """The same request over HTTP/2 and over HTTP/3."""
    url, authority = f"https://127.0.0.1:{server.port}{path}", folder / "authority.pem"
    tcp = fetch(url, authority, version=4, **more)  # type: ignore[arg-type]  # as named there
    quic = fetch(url, authority, **more)  # type: ignore[arg-type]
    return tcp, quic


def page_head(server: RunningServer, folder: Path) -> str:
    """The head of the response to a navigation."""
    url, authority = f"https://127.0.0.1:{server.port}/", folder / "authority.pem"
    return fetch(url, authority, version=4, fields=("Accept: text/html",)).head


def _fields(answer: CurlAnswer) -> list[str]:
    """Those that both should have, of the last field section."""
    lines = answer.head.strip().split("\r\n\r\n")[-1].lower().splitlines()[1:]
    return sorted(one for one in lines if not one.startswith(("date:", "alt-svc:", "age:")))


def asked(client: QuicClient, path: str, *fields: tuple[bytes, bytes], **more: object) -> Answer:
    """A whole answer to a request with ``fields``."""
    number = client.ask(path, fields=fields, **more)  # type: ignore[arg-type]  # as named there
    answer = client.answers[number]
    client.until(lambda: answer.ended or answer.reset is not None)
    return answer


# ---------------------------------------------------------------------- files

GZIP = ("Accept-Encoding: gzip",)
USER = ("Authorization: Basic " + base64.b64encode(b"user:secret").decode(),)


@needs_http3
@pytest.mark.parametrize(
    ("words", "path", "fields", "status"),
    [
        ((), "/", (), 200),
        ((), "/style.css", ("If-None-Match: *",), 304),
        ((), "/style.css", ("Range: bytes=3-20",), 206),
        ((), "/style.css", ("Range: bytes=3-5,9-20",), 206),
        ((), "/none", (), 404),
        ((), "/sub", (), 301),
        ((), "/%2e%2e/told.py", (), 404),
        (("--compress",), "/", GZIP, 200),
        (("--listing",), "/sub/..", (), 200),
        (("--spa", "index.html"), "/some/where", ("Accept: text/html",), 200),
        (("--header", "/*.css:x-mine: 1"), "/style.css", (), 200),
        (("--cors",), "/", ("Origin: https://elsewhere.test",), 200),
        (("--health", "/up"), "/up", (), 200),
        (("--no-content-length",), "/style.css", (), 200),
        (("--early-response",), "/style.css", (), 200),
        (("--auth", "?"), "/", (), 401),
        (("--auth", "?"), "/", USER, 200),
        (("--dev",), "/", ("Accept: text/html",), 200),
        (("--dev",), "/none", ("Accept: text/html", "Sec-Fetch-Mode: navigate"), 404),
        (("--mock", "/api/*"), "/api/none", (), 404),
        (("--fail", "/style.css=503"), "/style.css", (), 503),
    ],
)
def test_the_answer_is_that_of_http2(
    tmp_path: Path,
    site: Path,
    certificate: Certificate,
    words: tuple[str, ...],
    path: str,
    fields: tuple[str, ...],
    status: int,
) -> None:
    if words[:1] == ("--auth",):
        words = ("--auth", "user:" + hash_password("secret"))
    if words[:1] in (("--mock",), ("--fail",)):
        words = ("--dev", *words)
    with serving(site, certificate, *words) as server:
        if "--dev" in words:
            # Pages of before the files are known say something else of them.
            wait_for_state(lambda: page_head(server, tmp_path))
        tcp, quic = both(server, tmp_path, path, fields=fields)
        assert (tcp.version, quic.version) == (3, 30)
        assert (tcp.status, quic.status) == (status, status)
        assert _fields(quic) == _fields(tcp)
        assert quic.body == tcp.body


@needs_http3
@pytest.mark.parametrize("method", ["OPTIONS", "DELETE", "PUT", "PATCH", "TRACE", "BREW"])
def test_methods(tmp_path: Path, site: Path, certificate: Certificate, method: str) -> None:
    with serving(site, certificate) as server:
        tcp, quic = both(server, tmp_path, "/style.css", method=method)
        assert quic.status == tcp.status
        assert _fields(quic) == _fields(tcp)


def test_requests_at_once_are_bounded(site: Path, certificate: Certificate) -> None:
    """``--max-concurrent-streams`` holds here too."""
    with serving(site, certificate, "-m", "3") as server, QuicClient(server.port) as client:
        assert client.quic._remote_max_streams_bidi == 3
        # Places are given back as requests end.
        for _ in range(10):
            assert client.get("/sub/").data == b"below"


def test_windows_are_those_of_the_options(site: Path, certificate: Certificate) -> None:
    words = ("-w", "17", "-W", "18")
    with serving(site, certificate, *words) as server, QuicClient(server.port) as client:
        assert client.quic._remote_max_stream_data_bidi_remote == 2**17 - 1
        assert client.quic._remote_max_data >= 2**18 - 1


def test_trailers_of_options(site: Path, certificate: Certificate) -> None:
    words = ("--trailer", "x-end: yes")
    with serving(site, certificate, *words) as server, QuicClient(server.port) as client:
        assert asked(client, "/style.css").headers[b"x-end"] == b"yes"


# ---------------------------------------------------------------------- applications


def test_an_application(tmp_path: Path, site: Path, certificate: Certificate) -> None:
    words = ("--app", "/api=told:app", "--app-dir", str(tmp_path))
    content = b"upload" * 100_000
    with serving(site, certificate, *words) as server, QuicClient(server.port) as client:
        answer = asked(client, "/api/x?y=1", (b"x-a", b"b"), method="POST", content=content)
        assert answer.status == 201
        told = json.loads(answer.data)
        assert told["http_version"] == "3"
        assert (told["method"], told["scheme"], told["query"]) == ("POST", "https", "y=1")
        assert told["headers"][0] == ["host", "localhost"]
        assert ["x-a", "b"] in told["headers"]
        assert told["digest"] == hashlib.sha256(content).hexdigest()
        assert "http.response.early_hint" in told["extensions"]
        assert "http.response.push" not in told["extensions"]
        hinted = asked(client, "/api/hints")
        assert [one[b":status"] for one in hinted.interim] == [b"103"]
        assert hinted.interim[0][b"link"] == b"</style.css>; rel=preload; as=style"
        assert asked(client, "/api/trailers", (b"te", b"trailers")).headers[b"x-sum"] == b"1"
        # Files are beside it.
        assert client.get("/sub/").data == b"below"


def _echoes(client: QuicClient, path: str, expected: bytes) -> None:
    number = client.connect_to("websocket", path, ((b"sec-websocket-version", b"13"),))
    answer = client.answers[number]
    client.until(lambda: answer.status > 0)
    assert answer.status == 200
    client.say(number, frame(TEXT, b"hello"))
    client.until(lambda: len(answer.data) >= 2 + len(expected))
    assert b"".join(one.data for one in read_frames(answer.data)) == expected
    client.say(number, frame(CLOSE, b"\x03\xe8"))
    client.until(lambda: answer.ended)


# ---------------------------------------------------------------------- proxies


@pytest.mark.parametrize("scheme", ["http", "h2c"])
def test_a_proxy(tmp_path: Path, site: Path, certificate: Certificate, scheme: str) -> None:
    """Whatever the upstream speaks: content both ways, hints, trailers, WebSockets."""
    words = ("--app", "told:app", "--app-dir", str(tmp_path), "--no-tls", *ADDRESS, "0")
    content = b"upload" * 100_000
    with running(*words) as behind:
        target = f"/up={scheme}://127.0.0.1:{behind.port}/"
        front = ("--proxy", target)
        with serving(site, certificate, *front) as server, QuicClient(server.port) as client:
            answer = asked(client, "/up/x?y=1", method="POST", content=content)
            assert answer.status == 201
            assert answer.headers[b"x-of"] == b"the app"
            assert len(answer.data) > 70_000
            told = json.loads(answer.data)
            fields = dict(told["headers"])
            assert fields["x-forwarded-proto"] == "https"
            assert fields["via"].startswith("3 ") or fields["via"].startswith("3.0 ")
            assert told["digest"] == hashlib.sha256(content).hexdigest()
            version = told["http_version"].encode()
            assert asked(client, "/up/", method="HEAD").data == b""
            trailed = asked(client, "/up/trailers", (b"te", b"trailers"))
            assert trailed.headers[b"x-sum"] == b"1"
            _echoes(client, "/up/ws", version + b"hello")
        with serving(site, certificate, "--proxy", target) as server:
            behind.signal(signal.SIGTERM)
            behind.wait()
            with QuicClient(server.port) as client:
                assert asked(client, "/up/").status in (502, 503)
                assert client.get("/sub/").data == b"below"


def test_a_websocket_of_an_application_knows_its_version(
    tmp_path: Path, site: Path, certificate: Certificate
) -> None:
    words = ("--app", "/api=told:app", "--app-dir", str(tmp_path))
    with serving(site, certificate, *words) as server, QuicClient(server.port) as client:
        _echoes(client, "/api/ws", b"3hello")


# ---------------------------------------------------------------------- names and ports


def test_tables_of_ports(tmp_path: Path) -> None:
    """Each port with TLS has HTTP/3 at its own number; one without has none."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
    authority = make_authority(tmp_path)
    authority.issue("ab", "a.test", "b.test")
    ports = [free_port() for _ in range(3)]
    tables = "".join(f"[[listen]]\nport = {port}\n" for port in ports)
    hosts = "".join(
        f'[[host]]\nnames = ["{name}.test"]\nhtdocs = "{name}"\nkey = "ab.key"\ncert = "ab.pem"\n'
        for name in ("a", "b")
    )
    text = f'address = ["127.0.0.1"]\nhttp3 = true\n{tables}no-tls = true\n{hosts}'
    (tmp_path / "ports.toml").write_text(text)
    with running("--config", "ports.toml", folder=tmp_path):
        for port in ports[:2]:
            with QuicClient(port, name="b.test") as client:
                for host in (b"a.test", b"b.test"):
                    answer = asked(client, "/", authority=b"%b:%d" % (host, port))
                    assert answer.data == host[:1]
                assert asked(client, "/", authority=b"c.test").status == 421
        with QuicClient(ports[2], patience=0.5) as client:
            assert not client.handshaken


def test_dev_mode_has_http3_only_when_it_is_asked_for(site: Path, certificate: Certificate) -> None:
    words = ("--dev", *ADDRESS, "0", str(site), *certificate.words)
    with running(*words) as server, QuicClient(server.port, patience=0.5) as client:
        assert not client.handshaken
    with serving(site, certificate, "--dev") as server, QuicClient(server.port) as client:
        page = asked(client, "/", (b"accept", b"text/html"))
        assert b"<script" in page.data
        assert b"alt-svc" not in page.headers
