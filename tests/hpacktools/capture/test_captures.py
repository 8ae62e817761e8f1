"""Logs and captures: one real connection of nghttp with h2static, recorded in every form at once.

The files of tshark are cut down to what is read: addresses, ports, and the layers of HTTP/2.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hpacktools.capture import BrokenBlock, Direction, HeaderBlock, read_capture
from hpacktools.capture.frames import PREFACE
from hpacktools.cli import deflate_main, inflate_main
from hpacktools.schemas import problems
from hpacktools.stories import UnusableError
from tests.hpacktools.cli.running import run

RECORDED = Path(__file__).parent / "recorded"
WHOLE = [
    ("hexdump", "hexdump.log"),
    ("tshark", "tshark_x.json"),
    ("tshark", "tshark_x_no_duplicates.json"),
]


def read(form: str, name: str) -> list[Direction]:
    return read_capture((RECORDED / name).read_bytes(), form)


def blocks(direction: Direction) -> list[HeaderBlock]:
    whole = [block for block in direction.blocks if isinstance(block, HeaderBlock)]
    assert len(whole) == len(direction.blocks)
    return whole


@pytest.mark.parametrize(("form", "name"), WHOLE)
def test_both_directions(form: str, name: str) -> None:
    requests, responses = read(form, name)
    assert (requests.context, responses.context) == ("request", "response")
    assert "127.0.0.1:39328" in requests.name
    assert [(block.frame, block.stream_id) for block in blocks(requests)] == [
        ("HEADERS", 13),
        ("HEADERS", 15),
    ]
    assert [(block.frame, block.stream_id) for block in blocks(responses)] == [
        ("PUSH_PROMISE", 13),
        ("HEADERS", 13),
        ("HEADERS", 2),
        ("HEADERS", 15),
    ]
    # nghttp was told --header-table-size=8192.
    assert [block.table_sizes for block in blocks(responses)] == [(8192,), (), (), ()]
    assert [block.table_sizes for block in blocks(requests)] == [(), ()]


def test_every_form_has_the_same_blocks() -> None:
    expected = [[block.octets for block in blocks(each)] for each in read(*WHOLE[0])]
    for form, name in WHOLE[1:]:
        assert [[block.octets for block in blocks(each)] for each in read(form, name)] == expected
    (to_client,) = read("nghttp", "nghttp.log")
    assert to_client.context == "response"
    assert [block.octets for block in blocks(to_client)] == expected[1]
    assert [block.table_sizes for block in blocks(to_client)] == [(8192,), (), (), ()]


@pytest.mark.parametrize(("form", "name"), [*WHOLE, ("nghttp", "nghttp.log")])
def test_what_is_decoded_is_what_the_log_says(form: str, name: str) -> None:
    """nghttp has decoded the responses itself."""
    result = run(inflate_main, "--from", form, str(RECORDED / name))
    assert (result.code, result.err) == (0, "")
    stories = documents(result.out)
    assert all(problems("inflate-output", story) == [] for story in stories)
    found = [
        next(iter(header.items()))
        for case in stories[-1]["cases"]
        if case["frame"] == "HEADERS"
        for header in case["headers"]
    ]
    log = re.sub(r"\x1b\[[0-9;]*m", "", (RECORDED / "nghttp.log").read_text())
    said = re.findall(r"recv \(stream_id=\d+\) (:?[^:]+): (.*)", log)
    # The fields of promises are listed too, each before its frame.
    promised = [
        field for field in said if field[0] in (":method", ":path", ":scheme", ":authority")
    ]
    assert promised
    assert found == said[said.index((":status", "200")) :]


def documents(text: str) -> list[Any]:
    decoder, found, position = json.JSONDecoder(), [], 0
    while position < len(text.rstrip()):
        document, position = decoder.raw_decode(text, position)
        found.append(document)
        position += len(text[position:]) - len(text[position:].lstrip())
    return found


def test_a_capture_is_a_story_for_both_tools() -> None:
    result = run(inflate_main, "--from", "hexdump", str(RECORDED / "hexdump.log"))
    assert run(inflate_main, stdin=result.out).code == 0
    assert run(deflate_main, stdin=result.out).code == 0
    # The credentials of the second request came as a never-indexed literal.
    assert documents(result.out)[0]["cases"][1]["sensitive"]


def test_raw_frames_with_the_settings_of_the_peer(tmp_path: Path) -> None:
    client, server = tmp_path / "client", tmp_path / "server"
    raw: dict[str, bytes] = {"39328": b"", "45441": b""}
    for packet in json.loads(
        (RECORDED / "tshark_x.json").read_text(), object_pairs_hook=lambda pairs: pairs
    ):
        layers = dict(dict(packet)["_source"])["layers"]
        port = dict(dict(layers)["tcp"])["tcp.srcport"]
        raw[port] += b"".join(bytes.fromhex(row[0]) for key, row in layers if key == "http2_raw")
    client.write_bytes(raw["39328"])
    server.write_bytes(raw["45441"])
    expected = read(*WHOLE[0])
    (requests,) = read_capture(raw["39328"], "frames")
    assert requests.context == "request"
    assert requests.blocks == expected[0].blocks
    (responses,) = read_capture(raw["45441"], "frames", peer=raw["39328"])
    assert responses.context == "response"
    assert responses.blocks == expected[1].blocks
    result = run(inflate_main, "--from", "frames", "--peer", str(client), str(server))
    assert (result.code, result.err) == (0, "")
    assert [case["stream"] for case in result.cases] == [13, 13, 2, 15]
    # The same as pasted digits, without the peer.
    (pasted,) = read_capture(raw["39328"].hex(" ").encode(), "hex")
    assert pasted.blocks == requests.blocks


def test_fragments_that_tshark_wrote_as_text_are_lost() -> None:
    requests, responses = read("tshark", "tshark.json")
    assert requests.blocks == read(*WHOLE[0])[0].blocks
    promise, *others = responses.blocks
    assert isinstance(promise, BrokenBlock)
    assert "use tshark -x" in promise.reason
    assert all(isinstance(block, HeaderBlock) for block in others)
    result = run(inflate_main, "--from", "tshark", str(RECORDED / "tshark.json"))
    assert result.code == 1
    assert "case 0: PUSH_PROMISE on stream 13: tshark wrote it as text" in result.err
    assert "case 1: not decoded: the table was lost in case 0" in result.err


def test_a_block_continued_without_its_octets_is_lost() -> None:
    def layer(kind: int, flags: str, **more: str) -> dict[str, Any]:
        stream = {"http2.type": str(kind), "http2.flags": flags, "http2.streamid": "1"}
        stream |= {"http2." + key: text for key, text in more.items()}
        return {
            "_source": {"layers": {"tcp": {"tcp.stream": "0"}, "http2": {"http2.stream": stream}}}
        }

    packets = [layer(1, "0x00", headers="82:84"), layer(9, "0x04"), layer(1, "0x04", headers="86")]
    (direction,) = read_capture(json.dumps(packets).encode(), "tshark")
    lost, whole = direction.blocks
    assert isinstance(lost, BrokenBlock)
    assert lost.frame == "HEADERS"
    assert isinstance(whole, HeaderBlock)
    assert whole.octets == b"\x86"


@pytest.mark.parametrize(
    ("form", "octets", "reason"),
    [
        ("frames", b"", "is empty"),
        ("frames", b"\x16\x03\x01\x02\x00", "TLS records"),
        ("frames", b"abcde", "not HTTP/2 frames: shorter than a frame header of 9 octets"),
        ("frames", b"HTTP/1.1 200 OK\r\n", "not HTTP/2 frames: the first would have type 80"),
        ("hex", b"", "is empty"),
        ("hex", b"82 zz", "line 1: 'zz' is not hexadecimal digits"),
        ("nghttp", b"[  0.000] Connected\n", "no dumps: nghttp writes them with --hexdump"),
        ("hexdump", b"x\n", "no dumps: h2static writes them with --hexdump"),
        ("hexdump", b"x\n00000000  82\n", "no 'recv ADDRESS' or 'send ADDRESS' before a dump"),
        ("hexdump", b"recv a\n00000000  82\n00000009  8\n", "line 3: "),
        ("tshark", b"[\n x]", "not JSON: Expecting value: line 2 column 2\n"),
        ("tshark", b"{}", "not an array of packets"),
        ("tshark", b"[]", "no HTTP/2 in these packets"),
        ("tshark", b'[1, {}, {"_source": 5}]', "no HTTP/2 in these packets"),
        ("tshark", b"[" * 100_000, "not JSON: objects and arrays are nested too deeply"),
        ("tshark", b"[" + b"1" * 5000 + b"]", "not JSON: a number has too many digits"),
    ],
)
def test_unusable(form: str, octets: bytes, reason: str) -> None:
    with pytest.raises(UnusableError, match=re.escape(reason.rstrip())):
        read_capture(octets, form)
    result = run(inflate_main, "--from", form, stdin=octets)
    assert (result.code, result.out) == (2, "")
    assert reason in result.err


def test_blocks_of_pasted_digits() -> None:
    result = run(inflate_main, "--from", "hex", stdin="82 86\n84\n\n40 01 61 01 62\n\nbe\n")
    assert result.code == 0
    assert [case["wire"] for case in result.cases] == ["828684", "4001610162", "be"]
    assert result.cases[2]["headers"] == [{"a": "b"}]


def test_a_connection_of_a_log_is_named() -> None:
    result = run(inflate_main, "--from", "nghttp", "--explain", str(RECORDED / "nghttp.log"))
    lines = result.out.splitlines()
    assert lines[0] == "to nghttp (responses)"
    assert lines[1] == "case 0, PUSH_PROMISE on stream 13 34 octets"


def test_several_connections_of_a_client() -> None:
    log = (RECORDED / "nghttp.log").read_text()
    first, second = read_capture((log + log).encode(), "nghttp")
    assert (first.name, second.name) == ("to nghttp, connection 1", "to nghttp, connection 2")
    assert first.blocks == second.blocks


def test_colours_of_a_log() -> None:
    log = (RECORDED / "hexdump.log").read_text().replace("recv ", "\x1b[1;36mrecv \x1b[0m")
    assert read_capture(log.encode(), "hexdump") == read("hexdump", "hexdump.log")


def test_the_preface_tells_who_is_the_client() -> None:
    (direction,) = read_capture(PREFACE + bytes.fromhex("000001010400000001") + b"\x82", "frames")
    assert direction.context == "request"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "pcap"],
        ["--from", "hex", "--jsonl"],
        ["--peer", "x"],
        ["--from", "hex", "--peer", "x"],
        ["--html"],
        ["--explain", "--json", "--html"],
    ],
)
def test_wrong_options(arguments: list[str]) -> None:
    result = run(inflate_main, *arguments, stdin="")
    assert (result.code, result.out) == (2, "")
    assert "hpack-inflate: error: " in result.err


def test_a_peer_that_cannot_be_read() -> None:
    result = run(inflate_main, "--from", "frames", "--peer", "/nowhere", stdin=PREFACE)
    assert result.code == 2
    assert "No such file" in result.err
