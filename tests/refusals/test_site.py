"""Every refusal of the site and of dev mode, on both protocols: a line in the error log.

What is no refusal stays out of that log: an answer about what was asked for (404, 405, 412, 416,
501) is one for the access log.
"""

from __future__ import annotations

import errno
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from h2static.http.fields import Field
from h2static.site import Site
from h2static.site.config import SiteConfig
from h2static.site.files import Walk
from h2static.site.limits import SiteLimits
from tests.refusals.reasons import reasons_in, unseen
from tests.support.peer import Peer
from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.serving import Serving, serving
from tests.support.transports import Wire


@dataclass(slots=True, kw_only=True, frozen=True)
class Case:
    """A request that a site refuses, and the line that comes of it."""

    reason: str
    path: bytes = b"/a"
    method: bytes = b"GET"
    content: bytes = b""
    limits: SiteLimits = field(default_factory=SiteLimits)
    #: The error of the system when anything is looked up, or anything is kept.
    look_fails: int = 0
    keep_fails: int = 0


def upload(reason: str, **bounds: int) -> Case:
    """Ten octets that are too many somewhere."""
    return Case(reason=reason, method=b"POST", content=bytes(10), limits=SiteLimits(**bounds))


CASES: dict[str, Case] = {
    "a malformed path": Case(path=b"/%zz", reason="400: malformed path: GET /%zz"),
    "NUL": Case(path=b"/a%00", reason="400: NUL in the path: GET /a%00"),
    "a long path": Case(
        path=b"/" + b"x" * 20,
        limits=SiteLimits(path=20),
        reason="414: path longer than 20 octets: GET /xxx",
    ),
    "lists": Case(
        path=b"/",
        limits=SiteLimits(held_lists=0),
        reason="503: too many lists of files are being sent: GET /",
    ),
    "changes": Case(
        limits=SiteLimits(attempts=0), reason="503: files keep changing while they are read: GET /a"
    ),
    "a file that nobody may read": Case(
        look_fails=errno.EACCES, reason="403: Permission denied: GET /a"
    ),
    "no descriptor": Case(look_fails=errno.EMFILE, reason="503: Too many open files: GET /a"),
    "a disk": Case(look_fails=errno.EIO, reason="500: Input/output error: GET /a"),
    "an upload": upload("413: upload larger than 9 octets: POST /a", upload=9),
    "uploads": upload("413: concurrent uploads larger than 9 octets in total: POST /a", uploads=9),
    "files": upload(
        "503: more than 0 uploads in files: POST /a", upload_in_memory=0, upload_files=0
    ),
    "a full disk": Case(
        method=b"POST",
        content=bytes(10),
        limits=SiteLimits(upload_in_memory=0),
        keep_fails=errno.ENOSPC,
        reason="500: cannot store the upload: No space left on device: POST /a",
    ),
}

#: Requests about what is not there, or not in that way.
ANSWERED: dict[int, tuple[bytes, bytes, list[Field]]] = {
    200: (b"GET", b"/a", []),
    206: (b"GET", b"/a", [(b"range", b"bytes=0-0")]),
    404: (b"GET", b"/nope", []),
    405: (b"DELETE", b"/a", []),
    412: (b"GET", b"/a", [(b"if-match", b'"x"')]),
    416: (b"GET", b"/a", [(b"range", b"bytes=9-")]),
    501: (b"BREW", b"/a", []),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a").write_bytes(b"content")
    return tmp_path


def make_site(root: Path, limits: SiteLimits) -> Site:
    config = SiteConfig(root=str(root), listing=True, echo_upload=True)
    return Site(config, clock=time.time, limits=limits)


def ask_http1(
    server: Serving | RunningServer, method: bytes, path: bytes, content: bytes, *fields: Field
) -> tuple[int, str]:
    """The status of the answer, and who has asked."""
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as sock:
        lines = b"".join(b"%b: %b\r\n" % one for one in fields)
        length = b"Content-Length: %d\r\n" % len(content) if content else b""
        host = b"" if any(name == b"host" for name, _ in fields) else b"Host: localhost\r\n"
        sock.sendall(
            b"%b %b HTTP/1.1\r\n%bConnection: close\r\n%b%b\r\n"
            % (method, path, host, length, lines)
            + content
        )
        answer = b""
        while more := sock.recv(65536):
            answer += more
        return int(answer[9:12]), "{}:{}".format(*sock.getsockname())


def ask_http2(
    server: Serving | RunningServer, method: bytes, path: bytes, content: bytes, *fields: Field
) -> tuple[int, str]:
    """The same."""
    wire = Wire(server.port)
    peer = Peer(wire)
    host = next((value for name, value in fields if name == b"host"), b"localhost")
    pseudo: list[Field] = [
        (b":method", method), (b":scheme", b"http"), (b":authority", host), (b":path", path),
    ]  # fmt: skip
    others = [one for one in fields if one[0] != b"host"]
    peer.send(peer.headers(1, [*pseudo, *others], end_stream=not content))
    if content:
        peer.data(1, content, end_stream=True)
    status, name = peer.reply(1).status, "{}:{}".format(*wire.socket.getsockname())
    wire.close()
    return status, name


PROTOCOLS = {"HTTP/1.1": ask_http1, "HTTP/2": ask_http2}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", CASES)
def test_it_has_its_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, protocol: str
) -> None:
    case = CASES[name]
    ask = PROTOCOLS[protocol]

    def fail_to_look(*_: object) -> NoReturn:
        raise OSError(case.look_fails, os.strerror(case.look_fails))

    def fail_to_keep(*_: object) -> NoReturn:
        raise OSError(case.keep_fails, os.strerror(case.keep_fails))

    with serving(make_site(root, case.limits)) as server, monkeypatch.context() as patch:
        if case.look_fails:
            patch.setattr(Walk, "step", fail_to_look)
        if case.keep_fails:
            patch.setattr(tempfile, "TemporaryFile", fail_to_keep)
        # Not from a memory either, which would tell nobody: again and again.
        for _ in range(4):
            status, peer = ask(server, case.method, case.path, case.content)
            assert status == int(case.reason[:3])
            stream = "stream 1: " if protocol == "HTTP/2" else ""
            server.wait_for_error(f"[stream] {peer}: {stream}{case.reason}")
        assert server.errors().count("\n") == 4


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_about_what_was_asked_for_is_no_refusal(root: Path, protocol: str) -> None:
    with serving(make_site(root, SiteLimits())) as server:
        for status, (method, path, fields) in ANSWERED.items():
            assert PROTOCOLS[protocol](server, method, path, b"", *fields)[0] == status
        server.wait_for_rest()
        assert server.errors() == ""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    root = str(tmp_path_factory.mktemp("www"))
    with running("--dev", "--no-tls", "-a", "127.0.0.1", "0", root) as server:
        yield server


EVENTS = b"/.h2static/events"
OF_DEV: list[tuple[str, bytes, list[Field]]] = [
    ("421: the server does not answer to evil.example: GET /", b"/", [(b"host", b"evil.example")]),
    (
        "421: the server does not answer to evil.example: GET /.h2static/events",
        EVENTS,
        [(b"host", b"evil.example:1")],
    ),
    (
        "403: not requested by a page of this server: GET /.h2static/events",
        EVENTS,
        [(b"sec-fetch-site", b"cross-site")],
    ),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("reason", "path", "fields"), OF_DEV)
def test_dev_mode_has_its_line(
    dev: RunningServer, protocol: str, reason: str, path: bytes, fields: list[Field]
) -> None:
    status, peer = PROTOCOLS[protocol](dev, b"GET", path, b"", *fields)
    assert status == int(reason[:3])
    stream = "stream 1: " if protocol == "HTTP/2" else ""
    dev.wait_for_stderr(f"[stream] {peer}: {stream}{reason}")


def test_every_reason_in_the_sources_is_among_them() -> None:
    """A new one belongs into a table."""
    names = ("errors", "list_memory", "paths", "respond", "site", "uploads")
    modules = [f"h2static/site/{name}.py" for name in names]
    reasons = reasons_in([*modules, "h2static/dev/application.py", "h2static/dev/documents.py"])
    assert len(reasons) > 8
    texts = [case.reason for case in CASES.values()] + [reason for reason, _, _ in OF_DEV]
    assert unseen(reasons, "\n".join(texts)) == []
