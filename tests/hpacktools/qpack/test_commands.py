"""qpack-encode and qpack-decode, end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pylsqpack
import pytest

from hpacktools.qpack.tools import decode_main, encode_main
from hpacktools.qpack.tools.interop import Record, read_records
from tests.hpacktools.cli.running import run

QIF = ":method\tGET\n:path\t/\nuser-agent\tdemo/1.0\n\n" * 2 + ":method\tGET\nx\t1\nx\t2\n"
#: The same, as decoders write it.
DECODED = (
    "# stream 1\n:method\tGET\n:path\t/\nuser-agent\tdemo/1.0\n\n"
    "# stream 2\n:method\tGET\n:path\t/\nuser-agent\tdemo/1.0\n\n"
    "# stream 3\n:method\tGET\nx\t1\nx\t2\n\n"
)


def options(capacity: int, blocked: int, ack: int) -> list[str]:
    return ["-s", str(capacity), "-b", str(blocked), "-a", str(ack)]


def file_of(folder: Path, name: str, *records: tuple[int, str]) -> str:
    path = folder / name
    path.write_bytes(
        b"".join(
            Record(stream_id=stream_id, payload=bytes.fromhex(text)).octets()
            for stream_id, text in records
        )
    )
    return str(path)


@pytest.mark.parametrize("first", [[], ["--sections-first"]], ids=["", "sections first"])
@pytest.mark.parametrize("more", [[], ["--no-huffman"], ["--strategy", "linear"]], ids=str)
@pytest.mark.parametrize("ack", [0, 1])
@pytest.mark.parametrize("blocked", [0, 1, 100])
@pytest.mark.parametrize("capacity", [0, 64, 220, 4096])
def test_round_trip(
    tmp_path: Path, capacity: int, blocked: int, ack: int, more: list[str], first: list[str]
) -> None:
    """By files, whose names tell the parameters."""
    source = tmp_path / "demo.qif"
    source.write_text(QIF)
    name = str(tmp_path / f"demo.out.{capacity}.{blocked}.{ack}")
    encoded = run(encode_main, str(source), "-o", name, *more, *first)
    assert (encoded.code, encoded.out) == (0, "")
    assert encoded.err.startswith("Overall: input=82 output=")
    decoded = run(decode_main, "--check-encoder", name)
    assert (decoded.code, decoded.out, decoded.err) == (0, DECODED, "")
    theirs = pylsqpack.Decoder(capacity, blocked)
    found: dict[int, list[tuple[bytes, bytes]]] = {}
    for record in read_records(Path(name).read_bytes()):
        if record.stream_id == 0:
            for stream_id in theirs.feed_encoder(record.payload):
                found[stream_id] = theirs.resume_header(stream_id)[1]
        else:
            try:
                found[record.stream_id] = theirs.feed_header(record.stream_id, record.payload)[1]
            except pylsqpack.StreamBlocked:
                continue
    assert sorted(found) == [1, 2, 3]
    assert found[3] == [(b":method", b"GET"), (b"x", b"1"), (b"x", b"2")]


@pytest.mark.parametrize("ack", [0, 1])
def test_what_ls_qpack_writes(tmp_path: Path, ack: int) -> None:
    encoder = pylsqpack.Encoder()
    records = [Record(stream_id=0, payload=encoder.apply_settings(220, 2))]
    peer = pylsqpack.Decoder(220, 2)
    for stream_id in range(1, 9):
        fields = [(b":path", b"/%d" % (stream_id % 3)), (b"x", b"1")]
        instructions, section = encoder.encode(stream_id, fields)
        records.append(Record(stream_id=0, payload=instructions))
        records.append(Record(stream_id=stream_id, payload=section))
        peer.feed_encoder(b"".join(record.payload for record in records[-2:-1]))
        if stream_id == 1:
            continue
    path = tmp_path / f"theirs.out.220.2.{ack}"
    path.write_bytes(b"".join(record.octets() for record in records))
    decoded = run(decode_main, str(path))
    assert (decoded.code, decoded.err) == (0, "")
    assert decoded.out.count("x\t1") == 8


def test_standard_streams() -> None:
    """As processes, through pipes."""
    command = [
        sys.executable,
        "-c",
        "import sys; from hpacktools.qpack.tools import {0}_main as m; sys.exit(m())",
    ]
    setting = options(220, 1, 1)
    encoded = subprocess.run(
        [*command[:2], command[2].format("encode"), *setting],
        input=QIF.encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    decoded = subprocess.run(
        [*command[:2], command[2].format("decode"), *setting],
        input=encoded.stdout,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert decoded.stdout.decode() == DECODED


def test_options_come_before_the_name(tmp_path: Path) -> None:
    """A capacity of 32 has another range of encoded insert counts."""
    name = file_of(tmp_path, "a.out.32.0.1", (0, "3fbd01 41610162"), (4, "0200 80"))
    assert run(decode_main, name).code == 1
    assert run(decode_main, name, "-s", "220").out == "# stream 4\na\tb\n\n"


@pytest.mark.parametrize("main", [encode_main, decode_main])
def test_missing_parameters(main: object) -> None:
    result = run(main, "-b", "1")  # type: ignore[arg-type]  # one of two commands
    assert result.code == 2
    assert "--table-capacity, --ack: not given" in result.err


@pytest.mark.parametrize("main", [encode_main, decode_main])
@pytest.mark.parametrize(
    "wrong", [["--json"], ["--color"], ["-a", "2"], ["-s", "-1"], ["-b", "x"], ["a", "b"]], ids=str
)
def test_wrong_options(main: object, wrong: list[str]) -> None:
    assert run(main, *options(220, 1, 1), *wrong).code == 2  # type: ignore[arg-type]  # as above


class TestEncode:
    def test_a_bad_section_does_not_end_the_others(self) -> None:
        result = run(encode_main, *options(0, 0, 0), stdin=b"a\tb\n\nbad\n\nc\td\n")
        assert result.code == 1
        assert (
            "qpack-encode: standard input: section 2: line 3: missing TAB after the name"
            in result.err
        )
        streams = [record.stream_id for record in read_records(result.out.encode())]
        assert streams == [1, 3]

    def test_nothing(self) -> None:
        result = run(encode_main, *options(220, 1, 1), stdin=b"")
        assert (result.code, result.out) == (0, "")
        assert result.err == "Overall: input=0 output=0 ratio=0.00\n"

    def test_credentials_are_never_indexed(self) -> None:
        text = b"authorization\tBasic QQ==\n\n" * 2
        result = run(encode_main, *options(4096, 9, 1), "--explain", stdin=text)
        assert result.out.count("never indexed") == 2
        assert "inserted" not in result.out

    def test_files(self, tmp_path: Path) -> None:
        missing = str(tmp_path / "missing.qif")
        result = run(encode_main, missing, *options(0, 0, 0))
        assert (result.code, result.err) == (
            2,
            f"qpack-encode: {missing}: No such file or directory\n",
        )
        folder = str(tmp_path / "no/a.out.0.0.0")
        result = run(encode_main, "-o", folder)
        assert result.code == 2
        assert f"{folder}: No such file or directory" in result.err


class TestDecode:
    def test_a_section_that_must_be_refused(self, tmp_path: Path) -> None:
        """What came before is written; the connection is over."""
        name = file_of(tmp_path, "a.out.0.0.0", (4, "0000 d1"), (8, "0000 ff24"), (12, "0000 d1"))
        result = run(decode_main, name)
        assert (result.code, result.out) == (1, "# stream 4\n:method\tGET\n\n")
        assert result.err == (
            f"qpack-decode: {name}: record 2: stream 8: QPACK_DECOMPRESSION_FAILED: index 99 is "
            "beyond the static table, which ends at 98 (octet 2, RFC 9204 section 3.1)\n"
        )

    def test_an_instruction_that_must_be_refused(self, tmp_path: Path) -> None:
        name = file_of(tmp_path, "a.out.10.0.0", (0, "2b"))
        result = run(decode_main, name)
        assert result.code == 1
        assert (
            "record 1: encoder stream: QPACK_ENCODER_STREAM_ERROR: a capacity of 11" in result.err
        )

    def test_a_stream_that_is_lost_alone(self, tmp_path: Path) -> None:
        name = file_of(tmp_path, "a.out.0.0.0", (4, "0000 ff" + "80" * 10), (8, "0000 d1"))
        result = run(decode_main, name)
        assert (result.code, result.out) == (1, "# stream 8\n:method\tGET\n\n")
        assert "record 1: stream 4:" in result.err

    def test_blocked_to_the_end(self, tmp_path: Path) -> None:
        name = file_of(tmp_path, "a.out.220.1.1", (4, "0200 80"), (0, "3fbd01 4161"))
        result = run(decode_main, name)
        assert (result.code, result.out) == (1, "")
        assert "stream 4 stays blocked: insertion 1 never arrives" in result.err
        assert "the encoder stream ends inside an instruction" in result.err

    def test_in_the_order_of_streams(self, tmp_path: Path) -> None:
        many = [(8, "0000 d1"), (4, "0200 80"), (4, "0000 d1"), (0, "3fbd01 41610162")]
        result = run(decode_main, file_of(tmp_path, "a.out.220.1.1", *many))
        assert result.out == (
            "# stream 4\na\tb\n\n# stream 4\n:method\tGET\n\n# stream 8\n:method\tGET\n\n"
        )

    def test_what_is_no_file_of_records(self, tmp_path: Path) -> None:
        path = tmp_path / "a.out.0.0.0"
        path.write_bytes(Record(stream_id=4, payload=b"\0\0\xd1").octets() + b"\0")
        result = run(decode_main, str(path))
        assert (result.code, result.out) == (2, "# stream 4\n:method\tGET\n\n")
        assert "record 2 (octet 15) is truncated: 1 of 12 header octets" in result.err
        assert run(decode_main, str(tmp_path / "b.out.0.0.0")).code == 2

    def test_what_qif_cannot_have(self, tmp_path: Path) -> None:
        name = file_of(tmp_path, "a.out.0.0.0", (4, "0000 2161 010a"), (8, "0000 d1"))
        result = run(decode_main, name)
        assert (result.code, result.out) == (1, "# stream 8\n:method\tGET\n\n")
        assert "stream 4: QIF text cannot represent the field" in result.err

    def test_check_encoder(self, tmp_path: Path) -> None:
        many = [(0, "3fbd01 41610162"), (4, "0200 80"), (8, "0200 80")]
        name = file_of(tmp_path, "a.out.220.1.0", *many)
        assert run(decode_main, name).code == 0
        result = run(decode_main, name, "--check-encoder")
        assert result.code == 1
        assert "record 3: 2 streams could become blocked, the limit is 1" in result.err
        assert result.out.count("a\tb") == 2

    def test_explain_an_error(self, tmp_path: Path) -> None:
        name = file_of(tmp_path, "a.out.0.0.0", (4, "0000 d1 ff24 d1"))
        result = run(decode_main, name, "--explain")
        assert result.code == 1
        assert result.out.endswith(
            "      2  d1\n"
            "         :method: GET\n"
            "         Indexed Field Line, index 17 of the static table\n"
            "      3  ff 24 d1\n"
            "         error: index 99 is beyond the static table, which ends at 98\n"
            "                QPACK_DECOMPRESSION_FAILED, RFC 9204 section 3.1, octet 3\n"
        )
        document = json.loads(run(decode_main, name, "--explain", "--json").out)
        assert document["settings"] == {
            "max_table_capacity": 0,
            "blocked_streams": 0,
            "acknowledges": False,
        }
        (record,) = document["records"]
        assert record["errors"][0]["code"] == "QPACK_DECOMPRESSION_FAILED"
        (section,) = record["steps"]
        assert section["lines"][0]["name"] == ":method"
        assert section["error"]["offset"] == 3

    def test_color(self, tmp_path: Path) -> None:
        name = file_of(tmp_path, "a.out.0.0.0", (4, "0000 d1"))
        assert "\x1b[" not in run(decode_main, name, "--explain").out
        assert "\x1b[36m" in run(decode_main, name, "--explain", "--color").out


@pytest.mark.parametrize("command", ["qpack-encode", "qpack-decode"])
def test_installed(command: str) -> None:
    path = Path(sys.executable).parent / command
    done = subprocess.run(
        [path, "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=dict(os.environ),
    )
    assert done.stdout.startswith(f"usage: {command}")


@pytest.mark.parametrize(
    "octets", [b"\xff" * 12, b"\x7f" + b"\xff" * 11, b"PRI * HTTP/2.0\r\n\r\n"]
)
def test_what_is_something_else(octets: bytes) -> None:
    result = run(decode_main, *options(220, 1, 1), stdin=octets)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("qpack-decode: standard input: record 1 (octet 0)")


def test_the_highest_stream_id(tmp_path: Path) -> None:
    highest = 2**62 - 1
    name = file_of(tmp_path, "a.out.220.1.1", (0, "3fbd01 41610162"), (highest, "0200 80"))
    assert run(decode_main, name).out == f"# stream {highest}\na\tb\n\n"
    assert f"Section Acknowledgment for stream {highest}" in run(decode_main, name, "--explain").out
