"""Measure the HPACK tools: start-up, a long stream, the codec, compression.

    python -m benchmarks.hpack_tools            everything; needs the corpus for the ratios
    python -m benchmarks.hpack_tools start stream codec ratios

Times are medians of several runs, in processes of their own where processes are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path

from hpacktools import Deflater, load_story
from hpacktools.best import plan_cases
from hpacktools.codec import EMPTY_TABLE, Representation, decode_block, encode_block
from hpacktools.conformance.corpus import RAW, find_corpus
from hpacktools.strategies import STRATEGIES

BIN = Path(sys.executable).parent
FALLBACK = Path(__file__).resolve().parents[2] / "shared" / "hpack-test-case"

WITH, WITHOUT, _ = Representation
REQUEST = [
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":authority", b"127.0.0.1:8080"),
    (b":path", b"/index.html"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"),
    (b"accept", b"text/html,*/*;q=0.8"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"accept-language", b"en-US,en;q=0.5"),
    (b"sec-fetch-mode", b"navigate"),
    (b"cache-control", b"no-cache"),
]
RESPONSE = [
    (b":status", b"200", WITH),
    (b"server", b"h2static", WITH),
    (b"date", b"Sat, 21 Nov 2026 07:05:12 GMT", WITH),
    (b"content-type", b"text/html; charset=utf-8", WITH),
    (b"content-length", b"612", WITHOUT),
    (b"etag", b'"lwPH-gTrGtBFMTec"', WITHOUT),
    (b"last-modified", b"Sat, 21 Nov 2026 07:05:12 GMT", WITHOUT),
    (b"cache-control", b"no-cache", WITH),
    (b"accept-ranges", b"bytes", WITH),
]


def corpus() -> Path:
    """The corpus, as hpack-conformance finds it, or beside the repository."""
    named = None if os.environ.get("HPACK_TEST_CASE") or not FALLBACK.is_dir() else str(FALLBACK)
    return find_corpus(named)


def seconds(arguments: Sequence[str], octets: bytes) -> float:
    """The median time of a whole process."""
    times = []
    for _ in range(21):
        start = time.perf_counter()
        subprocess.run(arguments, input=octets, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def start() -> None:
    """Whole processes on a story of ten cases."""
    fields = [{name.decode(): value.decode()} for name, value in REQUEST]
    raw = json.dumps({"cases": [{"headers": fields}] * 10}).encode()
    done = subprocess.run([BIN / "hpack-deflate"], input=raw, capture_output=True, check=True)
    bare = [sys.executable, "-c", "pass"]
    imports = [sys.executable, "-c", "import hpack, json, argparse"]
    print(f"interpreter alone            {1e3 * seconds(bare, b''):6.1f} ms")
    print(f"with hpack, json, argparse   {1e3 * seconds(imports, b''):6.1f} ms")
    for tool, octets in (("hpack-deflate", raw), ("hpack-inflate", done.stdout)):
        print(f"{tool}, 10 cases      {1e3 * seconds([str(BIN / tool)], octets):6.1f} ms")


def stream(cases: int = 1_000_000) -> None:
    """A long stream through each tool: time, and peak memory against that of a short one."""
    for name, case in (
        ("deflate", {"headers": [{":method": "GET"}, {":path": "/"}, {"x": "y"}]}),
        ("inflate", {"wire": "82844001780179"}),
    ):
        line = json.dumps(case).encode() + b"\n"
        few, _ = run_stream(name, line, 1000)
        many, took = run_stream(name, line, cases)
        print(
            f"hpack-{name} --jsonl, {cases} cases: {took:.0f} s, "
            f"{1e6 * took / cases:.0f} us a case; peak memory {many} KiB, "
            f"after 1000 cases {few} KiB"
        )


def run_stream(name: str, line: bytes, cases: int) -> tuple[int, float]:
    """Peak resident memory in KiB, and the time in seconds."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [BIN / f"hpack-{name}", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert running.stdin is not None
        chunk = line * 1000
        for _ in range(cases // 1000):
            running.stdin.write(chunk)
        running.stdin.close()
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0
    return usage.ru_maxrss, time.perf_counter() - begin


def microseconds(function: Callable[[], object]) -> float:
    """The median time of a call."""
    number = 2000
    return statistics.median(timeit.repeat(function, number=number, repeat=9)) / number * 1e6


def codec() -> None:
    """Blocks as a server sees and writes them."""
    fields = [(*each, WITH) for each in REQUEST]
    literals, warm = encode_block(fields, EMPTY_TABLE)
    indexed, _ = encode_block(fields, warm)
    response, table = encode_block(RESPONSE, EMPTY_TABLE)
    repeated, _ = encode_block(RESPONSE, table)
    for text, octets, function in (
        ("decode 10 literals", literals, lambda: decode_block(literals, EMPTY_TABLE)),
        ("decode 10 indexed", indexed, lambda: decode_block(indexed, warm)),
        ("encode 9 fields, empty table", response, lambda: encode_block(RESPONSE, EMPTY_TABLE)),
        ("encode 9 fields, warm table", repeated, lambda: encode_block(RESPONSE, table)),
    ):
        print(f"{text:30} {len(octets):4} octets {microseconds(function):6.1f} us")


def ratios() -> None:
    """Every strategy over the raw stories of the corpus."""
    stories = [load_story(path) for path in sorted((corpus() / RAW).glob("*.json"))]
    total = sum(story.octets for story in stories)
    for strategy in STRATEGIES:
        octets = 0
        for story in stories:
            deflater = Deflater(strategy=strategy)
            octets += sum(len(deflater.deflate(case.fields or ())) for case in story.cases)
        print(f"{strategy:10} {octets:8} {octets / total:.5f}")
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    octets = 0
    for story in stories:
        deflater = Deflater()
        for case, plan in zip(story.cases, plan_cases(story.cases), strict=True):
            octets += len(deflater.deflate_planned(case.fields or (), plan))
    took = resource.getrusage(resource.RUSAGE_SELF).ru_utime - begin
    print(f"{'best':10} {octets:8} {octets / total:.5f} in {took:.1f} s of processor time")


def main() -> None:
    """The command line."""
    parts = {"start": start, "stream": stream, "codec": codec, "ratios": ratios}
    parser = argparse.ArgumentParser(description="Measure the HPACK tools.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    for name in parser.parse_args().parts or list(parts):
        if name not in parts:
            parser.error(f"no part {name!r}")
        parts[name]()


if __name__ == "__main__":
    main()
