"""What nghttpd 1.52 gets wrong, each as one check that holds here and fails there.

Strategy: a check raises ``AssertionError`` where the defect shows.  It must pass against h2static;
against nghttpd, where that is installed, it must fail, so that it is known to find the defect.  A
newer nghttpd that passes a check skips that test.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import hpack
import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import (
    Data,
    Frame,
    GoAway,
    Headers,
    Ping,
    PushPromise,
    Settings,
    WindowUpdate,
    parse,
    unpack_header,
)
from tests.support.certificates import make_certificate
from tests.support.clients import Answer, run_curl
from tests.support.processes import DEADLINE, command, running
from tests.support.servers import running_nghttpd
from tests.support.transports import Wire

#: Seconds for an answer of nghttpd, where a defect shows as silence.  A sound server has more.
_SOON = 3.0
CONTENT = b"p { color: teal }\n"


@dataclass(slots=True, kw_only=True)
class Subject:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    root: Path
    #: Seconds for any answer.
    patience: float


#: Starts a server on a folder, with options of both servers.
Start: TypeAlias = Callable[..., AbstractContextManager[Subject]]
Check: TypeAlias = Callable[[Start, Path], None]


@contextlib.contextmanager
def start_h2static(root: Path, *options: str) -> Iterator[Subject]:
    """h2static; devices and FIFOs are to be refused where links may lead anywhere as well."""
    words = ("--no-tls", "-a", "127.0.0.1", "--follow-symlinks", *options, "0", str(root))
    with running(*words) as server:
        yield Subject(port=server.port, process=server.process, root=root, patience=DEADLINE)


@contextlib.contextmanager
def start_nghttpd(root: Path, *options: str) -> Iterator[Subject]:
    """nghttpd, which follows symbolic links anyway."""
    with running_nghttpd(root, *options) as server:
        yield Subject(port=server.port, process=server.process, root=root, patience=_SOON)


def get(subject: Subject, path: str, *options: str) -> Answer:
    """The answer to a request; fails when there is none."""
    done = run_curl(subject.port, path, "-i", *options, seconds=subject.patience)
    assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr!r}"
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return Answer(status=int(head.split()[1]), fields=fields, body=body)


# ------------------------------------------------------------------- the checks


def a_file_that_shrinks(start: Start, root: Path) -> None:
    """1: pread returns 0 for ever, at 100 % of a processor, and nobody is answered any more."""
    file = root / "shrinks.bin"
    file.write_bytes(bytes(100_000))
    with start(root) as subject:
        assert len(get(subject, "/shrinks.bin").body) == 100_000
        os.truncate(file, 10)
        # This one may break off, when the file was being sent; the server must live.
        run_curl(subject.port, "/shrinks.bin", seconds=1)
        assert get(subject, "/style.css").body == CONTENT


def a_fifo(start: Start, root: Path) -> None:
    """2: opening it waits for a writer, and the whole server with it."""
    os.mkfifo(root / "fifo")
    with start(root) as subject:
        run_curl(subject.port, "/fifo", seconds=1)
        assert get(subject, "/style.css").body == CONTENT
        assert get(subject, "/fifo").status == 404


def head_of_a_missing_file(start: Start, root: Path) -> None:
    """3: the page that says 404 follows as DATA (RFC 9110 section 9.3.2 forbids it)."""
    with start(root) as subject:
        answer = get(subject, "/nowhere", "-I")
        assert (answer.status, answer.body) == (404, b"")


def a_zero_octet_in_the_path(start: Start, root: Path) -> None:
    """4: %00 ends the file's name, and what stands behind it decides the media type."""
    with start(root) as subject:
        assert get(subject, "/style.css%00.html").status in (400, 404)


def a_file_that_is_rewritten(start: Start, root: Path) -> None:
    """5: for ten seconds new content is cut to the old length."""
    file = root / "page.html"
    file.write_bytes(b"old")
    with start(root) as subject:
        assert get(subject, "/page.html").body == b"old"
        file.write_bytes(b"new and longer")
        assert get(subject, "/page.html").body == b"new and longer"
        (root / "other").write_bytes(b"renamed over it")
        (root / "other").rename(file)
        assert get(subject, "/page.html").body == b"renamed over it"
        file.unlink()
        assert get(subject, "/page.html").status == 404


def other_methods(start: Start, root: Path) -> None:
    """6: DELETE, PUT, POST and methods that nobody knows are answered like GET."""
    with start(root) as subject:
        statuses = {
            method: get(subject, "/style.css", "-X", method).status
            for method in ("POST", "PUT", "DELETE", "FOO")
        }
        assert statuses == {"POST": 405, "PUT": 405, "DELETE": 405, "FOO": 501}
        assert "GET" in get(subject, "/style.css", "-X", "DELETE").fields["allow"]


def error_gzip(start: Start, root: Path) -> None:
    """8: -e is accepted and does nothing."""
    with start(root, "-e") as subject:
        answer = get(subject, "/nowhere", "-H", "accept-encoding: gzip")
        assert answer.status == 404
        assert answer.fields.get("content-encoding") == "gzip"
        assert b"404" in gzip.decompress(answer.body)


def no_good_bye(start: Start, root: Path) -> None:
    """11: a server that is stopped ends connections without GOAWAY and breaks downloads off."""
    size = 3_000_000
    (root / "large.bin").write_bytes(os.urandom(size))
    fields = [(":method", "GET"), (":scheme", "http"), (":path", "/large.bin"), (":authority", "a")]
    with start(root) as subject, contextlib.closing(Wire(subject.port)) as wire:
        request = Headers(
            stream_id=1,
            flags=r.END_HEADERS | r.END_STREAM,
            fragment=hpack.Encoder().encode(fields),
        )
        wire.deliver(r.PREFACE + Settings().serialize() + request.serialize())
        octets = b""
        while len(octets) < 20_000:
            octets += wire.take()
        subject.process.terminate()
        for stream_id in (0, 1):
            wire.deliver(WindowUpdate(stream_id=stream_id, increment=size).serialize())
        wire.deliver(Settings(flags=r.ACK).serialize())
        while more := wire.take():
            octets += more
        frames = _frames(octets)
        goodbyes = [frame for frame in frames if isinstance(frame, GoAway)]
        content = sum(len(frame.data) for frame in frames if isinstance(frame, Data))
        assert goodbyes, "no GOAWAY"
        assert {goodbye.code for goodbye in goodbyes} == {0}
        assert goodbyes[-1].last_stream_id == 1
        assert content == size
        assert subject.process.wait(subject.patience) == 0


def _frames(octets: bytes) -> list[Frame]:
    """The whole frames at the beginning of ``octets``."""
    frames, position = [], 0
    while position + r.FRAME_HEADER_SIZE <= len(octets):
        length_type, flags, stream_id = unpack_header(octets, position)
        start = position + r.FRAME_HEADER_SIZE
        position = start + (length_type >> 8)
        if position <= len(octets):
            frames.append(parse(length_type & 0xFF, flags, stream_id, octets[start:position]))
    return frames


def useless_pushes(start: Start, root: Path) -> None:
    """10: something is pushed for a HEAD and for a page that does not exist."""
    with start(root, "-p", "/=/style.css", "-p", "/gone=/style.css") as subject:
        assert _promises(subject, "GET", "/") == 1
        assert _promises(subject, "HEAD", "/") == 0
        assert _promises(subject, "GET", "/gone") == 0


def _promises(subject: Subject, method: str, path: str) -> int:
    """How many PUSH_PROMISE frames an answer brings."""
    fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")]
    ping = Ping(opaque=b"the end.")
    with contextlib.closing(Wire(subject.port)) as wire:
        flags = r.END_HEADERS | r.END_STREAM
        request = Headers(stream_id=1, flags=flags, fragment=hpack.Encoder().encode(fields))
        opening = r.PREFACE + Settings().serialize() + Settings(flags=r.ACK).serialize()
        wire.deliver(opening + request.serialize())
        octets = wire.take()
        while not any(_ends(frame) for frame in _frames(octets)):
            octets += wire.take()
        wire.deliver(ping.serialize())
        while ping.opaque not in octets:
            octets += wire.take()
        return sum(isinstance(frame, PushPromise) for frame in _frames(octets))


def _ends(frame: Frame) -> bool:
    """Whether a frame ends the first stream."""
    return isinstance(frame, Headers | Data) and bool(
        frame.stream_id == 1 and frame.flags & r.END_STREAM
    )


def a_device(start: Start, root: Path) -> None:
    """12: whatever can be opened and is no folder counts as a file."""
    (root / "null").symlink_to("/dev/null")
    with start(root) as subject:
        assert get(subject, "/null").status == 404


CHECKS: tuple[Check, ...] = (
    a_file_that_shrinks,
    a_fifo,
    head_of_a_missing_file,
    a_zero_octet_in_the_path,
    a_file_that_is_rewritten,
    other_methods,
    error_gzip,
    useless_pushes,
    no_good_bye,
    a_device,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "style.css").write_bytes(CONTENT)
    (folder / "index.html").write_bytes(b"<!doctype html><title>t</title>")
    return folder


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_h2static_is_sound(root: Path, check: Check) -> None:
    check(start_h2static, root)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nghttpd_is_not(root: Path, check: Check) -> None:
    try:
        check(start_nghttpd, root)
    except (AssertionError, OSError):
        return
    pytest.skip("this nghttpd does it right")


# ------------------------------------------------------------------- what takes more


def test_a_push_of_nothing(root: Path) -> None:
    """10: with -p /= nghttpd promises a request without a path."""
    words = command("--no-tls", "-a", "127.0.0.1", "-p", "/=", "0", str(root))
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("h2static: ")
    assert done.stderr.count("\n") == 1


def test_a_push_of_nothing_with_nghttpd(root: Path) -> None:
    with running_nghttpd(root, "-p", "/=") as server:
        subject = Subject(port=server.port, process=server.process, root=root, patience=_SOON)
        if not _promises(subject, "GET", "/"):
            pytest.skip("this nghttpd does it right")


def test_no_workers(root: Path) -> None:
    """7: with -n 0 nghttpd starts, and dies of the first connection."""
    words = command("--no-tls", "-a", "127.0.0.1", "-n", "0", "0", str(root))
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("h2static: ")
    assert done.stderr.count("\n") == 1


def test_no_workers_with_nghttpd(root: Path) -> None:
    with running_nghttpd(root, "-n", "0") as server:
        with contextlib.suppress(OSError), contextlib.closing(Wire(server.port)) as wire:
            wire.deliver(r.PREFACE + Settings().serialize())
            wire.take()
        try:
            assert server.process.wait(_SOON) < 0
        except subprocess.TimeoutExpired:
            pytest.skip("this nghttpd does it right")


@pytest.mark.slow
def test_a_client_that_never_begins(root: Path, tmp_path: Path) -> None:
    """11: nghttpd waits for a TLS handshake for ever; here ten seconds must do, on cleartext too.

    All clients wait at the same time.
    """
    certificate = make_certificate(tmp_path)
    words = ("-a", "127.0.0.1", "0", str(root))
    with contextlib.ExitStack() as stack:
        cleartext = stack.enter_context(running("--no-tls", *words))
        secure = stack.enter_context(running(*words, *certificate.words))
        ports = [cleartext.port, secure.port]
        if shutil.which("nghttpd"):
            pair = (certificate.key, certificate.cert)
            ports.append(stack.enter_context(running_nghttpd(root, certificate=pair)).port)
        began = time.monotonic()
        clients = [
            stack.enter_context(contextlib.closing(socket.create_connection(("127.0.0.1", port))))
            for port in ports
        ]
        for client in clients[:2]:
            client.settimeout(DEADLINE)
            assert client.recv(1) == b""
            assert 9 < time.monotonic() - began < 20
        for client in clients[2:]:
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.recv(1)
