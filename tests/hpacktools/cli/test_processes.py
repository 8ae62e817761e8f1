"""The commands as processes: start-up, co-process, pipes that close, bounded memory."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

#: A command that takes longer than this is broken.
DEADLINE = 30.0


def command(name: str) -> list[str]:
    code = f"import sys; from hpacktools.cli import {name}_main; sys.exit({name}_main())"
    return [sys.executable, "-c", code]


@contextmanager
def process(name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [*command(name), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.mark.parametrize(
    ("name", "case"), [("deflate", {"headers": [{"a": "b"}]}), ("inflate", {"wire": "82"})]
)
def test_valid_input_imports_no_jsonschema(name: str, case: object) -> None:
    code = (
        f"import sys; from hpacktools.cli import {name}_main; code = {name}_main(); "
        "print('jsonschema' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps({"cases": [case] * 10}).encode(),
        capture_output=True,
        check=True,
        timeout=DEADLINE,
    )
    assert done.stderr.decode().splitlines()[-1] == "False"


def modules_of(name: str, case: object) -> set[str]:
    """What the command imports for a valid case."""
    code = (
        f"import sys; from hpacktools.cli import {name}_main; {name}_main(); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps({"cases": [case]}).encode(),
        capture_output=True,
        check=True,
        timeout=DEADLINE,
    )
    return set(done.stderr.decode().splitlines()[-1].split())


def test_deflate_starts_with_no_more_than_inflate() -> None:
    """Beside the modules that encode: what is slow to import would show in every start."""
    inflate = modules_of("inflate", {"wire": "82"})
    deflate = modules_of("deflate", {"headers": [{"a": "b"}]})
    assert deflate - inflate == {
        "hpacktools.cli.deflate",
        "hpacktools.deflate",
        "hpacktools.strategies",
    }
    # Parts that only some options need.
    assert not {name for name in inflate if name.startswith(("hpacktools.capture", "html"))}


def test_codec_imports_nothing_of_the_tools() -> None:
    code = "import sys, hpacktools.codec; print([m for m in sys.modules if 'hpacktools' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=DEADLINE
    )
    modules = done.stdout.decode()
    assert "hpacktools.codec" in modules
    assert "hpacktools.stories" not in modules


def test_co_process() -> None:
    """Each case is answered before the next is sent."""
    with process("deflate", "--jsonl") as deflater, process("inflate", "--jsonl") as inflater:
        for number in range(5):
            headers = [{":method": "GET"}, {"x-number": str(number // 2)}]
            answer = ask(deflater, {"headers": headers})
            assert ask(inflater, {"wire": answer["wire"]})["headers"] == headers


def ask(running: subprocess.Popen[bytes], case: dict[str, object]) -> dict[str, object]:
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(json.dumps(case).encode() + b"\n")
    running.stdin.flush()
    answer: dict[str, object] = json.loads(running.stdout.readline())
    return answer


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    with subprocess.Popen(
        [*command("deflate"), "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        running.stdin.write(b'{"headers": []}\n')
        running.stdin.close()
        # As a shell says of a program that SIGPIPE has ended.
        assert running.wait(DEADLINE) == 128 + signal.SIGPIPE
        assert running.stderr.read() == b""


CASES = json.dumps({"cases": [{"headers": [{"a": "b"}], "wire": "82"}]}).encode()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("deflate", []),
        ("deflate", ["--jsonl"]),
        ("deflate", ["--help"]),
        ("inflate", []),
        ("inflate", ["--explain"]),
        ("conformance", ["negative", "--jobs", "1"]),
        ("conformance", ["negative", "--jobs", "1", "--json"]),
    ],
)
def test_output_that_cannot_be_written_is_one_line(name: str, arguments: list[str]) -> None:
    octets = b'{"headers": []}\n' if "--jsonl" in arguments else CASES
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*command(name), *arguments],
            input=octets,
            stdout=full,
            # argparse forgives an unbuffered stream that --help cannot be written to.
            env=os.environ | {"PYTHONUNBUFFERED": ""},
            stderr=subprocess.PIPE,
            check=False,
            timeout=DEADLINE,
        )
    expected = f"hpack-{name}: standard output: No space left on device\n"
    assert (done.returncode, done.stderr.decode()) == (2, expected)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (">&-", "standard output is closed"),
        ("<&-", "standard input: is closed"),
        # Can be opened, cannot be read from its beginning.
        ("--jsonl /proc/self/mem", "/proc/self/mem: Input/output error"),
        ("--http1text /proc/self/mem", "/proc/self/mem: Input/output error"),
        ("/proc/self/mem", "/proc/self/mem: Input/output error"),
    ],
)
def test_streams_that_cannot_be_used(arguments: str, reason: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{shlex.join(command('deflate'))} {arguments}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=DEADLINE,
    )
    assert (done.returncode, done.stderr.decode()) == (2, f"hpack-deflate: {reason}\n")


def test_complaints_do_not_go_to_standard_output_when_standard_error_is_closed() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{shlex.join(command('deflate'))} 2>&-"],
        input=b"not JSON",
        stdout=subprocess.PIPE,
        check=False,
        timeout=DEADLINE,
    )
    assert (done.returncode, b"JSON" in done.stdout) == (2, False)


def test_text_is_escaped_where_the_encoding_lacks_it() -> None:
    """An ellipsis stands for what is left out of a long value."""
    value = b"v" * 300
    block = b"\x00\x01a" + b"\x7f" + bytes([0x80 | (300 - 127) % 128, (300 - 127) // 128]) + value
    done = subprocess.run(
        [*command("inflate"), "--explain"],
        input=json.dumps({"cases": [{"wire": block.hex()}]}).encode(),
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
        timeout=DEADLINE,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"v\\u2026 (300 octets)" in done.stdout


def test_a_report_as_json_is_utf8_in_every_locale(tmp_path: Path) -> None:
    (tmp_path / "unusual").mkdir()
    (tmp_path / "unusual" / "\u65e5.json").write_text("{")
    done = subprocess.run(
        [*command("conformance"), "negative", str(tmp_path), "--json"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
        timeout=DEADLINE,
    )
    assert json.loads(done.stdout)["problems"][0]["file"] == "unusual/\u65e5.json"


def peak_memory(name: str, line: bytes, count: int) -> int:
    """Peak resident memory in KiB after ``count`` lines."""
    code = (
        "import resource, sys; "
        f"from hpacktools.cli import {name}_main; code = {name}_main(['--jsonl']); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=line * count,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
        timeout=DEADLINE,
    )
    return int(done.stderr.split()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("deflate", b'{"headers": [{":method": "GET"}, {"x": "y"}]}\n'),
        ("inflate", b'{"wire": "824001780179"}\n'),
    ],
)
def test_memory_of_a_stream_is_constant(name: str, line: bytes) -> None:
    few, many = peak_memory(name, line, 200), peak_memory(name, line, 10_000)
    assert many < few + 4096


@pytest.mark.slow
def test_start_up_takes_little_more_than_the_interpreter() -> None:
    """hpack, json and argparse have to be imported; what the tool adds must stay small."""
    document = json.dumps({"cases": [{"headers": [{"a": "b"}]}] * 10}).encode()
    base = [sys.executable, "-c", "import hpack, json, argparse, dataclasses"]
    times: dict[str, list[float]] = {"tool": [], "base": []}
    for _ in range(7):
        for key, arguments in (("tool", command("deflate")), ("base", base)):
            start = time.perf_counter()
            subprocess.run(
                arguments, input=document, capture_output=True, check=True, timeout=DEADLINE
            )
            times[key].append(time.perf_counter() - start)
    assert min(times["tool"]) < 4 * min(times["base"])
