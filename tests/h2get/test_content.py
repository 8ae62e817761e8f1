"""Content that ``h2get`` takes: its codings, how much of it is kept, and when none is written."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Data
from tests.support.fake_server import Visitor, fake_server
from tests.support.h2get import Done, h2get

CONTENT = bytes(range(256)) * 5_000


def coded(octets: bytes, coding: bytes, *words: str, piece: int = 16_384) -> Done:
    """Run ``h2get`` against a server that sends ``octets``, which it calls ``coding``."""

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        _, fields = visitor.request()
        assert dict(fields)[b"accept-encoding"] == b"gzip, deflate"
        visitor.send(visitor.head(1, (b":status", b"200"), (b"content-encoding", coding)))
        for start in range(0, len(octets), piece):
            visitor.send(Data(stream_id=1, data=octets[start : start + piece]))
        visitor.send(Data(stream_id=1, flags=r.END_STREAM))
        visitor.read_to_end()

    with fake_server(serve) as server:
        return h2get(*words, server.url)


@pytest.mark.parametrize(("coding", "wbits"), [(b"gzip", 31), (b"deflate", 15), (b"deflate", -15)])
def test_codings_are_taken_off(coding: bytes, wbits: int) -> None:
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(CONTENT) + packer.flush()
    for octets in (packed, packed + bytes(100)):
        done = coded(octets, coding, piece=7)
        assert (done.code, done.octets == CONTENT, done.errors) == (0, True, "")


@pytest.mark.parametrize("piece", [7, 16_384])
def test_members_follow_each_other(piece: int) -> None:
    """RFC 1952 section 2.2."""
    done = coded(gzip.compress(b"one ") + gzip.compress(b"two"), b"gzip", piece=piece)
    assert (done.code, done.output) == (0, "one two")


def test_a_coding_that_nobody_knows() -> None:
    assert coded(b"as it is", b"x-none").output == "as it is"


@pytest.mark.parametrize(
    ("octets", "complaint"),
    [(b"\xff" * 4, "Error -3"), (gzip.compress(CONTENT)[:-1], "it is truncated")],
)
def test_a_coding_that_is_broken(octets: bytes, complaint: str) -> None:
    done = coded(octets, b"gzip")
    assert done.code == 1
    assert "cannot decompress content: " in done.errors
    assert done.errors.count("\n") == 1
    assert complaint in done.errors


def test_what_a_har_keeps_has_a_limit(tmp_path: Path) -> None:
    """Some KiB may be as many MiB: they are counted, and not kept."""
    size = 9 * 1024 * 1024
    path = tmp_path / "x.har"
    assert coded(gzip.compress(bytes(size)), b"gzip", "-n", "-r", str(path)).code == 0
    content = json.loads(path.read_text())["log"]["entries"][0]["response"]["content"]
    assert content == {
        "size": size, "mimeType": "application/octet-stream", "comment": "too large to keep",
    }  # fmt: skip
    assert path.stat().st_size < 10_000


def test_failures_write_nothing(url: str, tmp_path: Path) -> None:
    """As with curl: what comes with an error is no file."""
    path = tmp_path / "file"
    done = h2get("-f", "-o", str(path), f"{url}/none")
    assert (done.code, done.octets) == (1, b"")
    assert done.errors == f"h2get: {url}/none: status 404\n"
    assert not path.exists()
    assert h2get(f"{url}/none").octets != b""
