"""The benchmarks refuse wrong answers, and their tables and profiles say what was measured."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import (
    charts,
    compare,
    footprint,
    load,
    peers,
    profiling,
    reload,
    replay,
    results,
    scale,
    scenarios,
)
from benchmarks.scenarios import SCENARIOS, Scenario

#: What h2load 1.52 printed for a run of 100000 requests.
REPORT = """\
finished in 225.02ms, 444402.97 req/s, 271.25MB/s
requests: 100000 total, 100000 started, 100000 done, 100000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 100000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 61.04MB (64001200) total, 977.50KB (1000960) headers (space savings 93.54%), 58.36MB (61200000) data
"""  # noqa: E501  as printed
S1, S4, S9 = (SCENARIOS[name] for name in ("S1", "S4", "S9"))
assert isinstance(S1, Scenario)
SCENARIO = S1.scaled(100_000 / S1.requests)


def test_a_complete_report_has_a_rate() -> None:
    assert load.parse_report(REPORT, SCENARIO, "x") == 444402.97


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("100000 succeeded, 0 failed", "99999 succeeded, 1 failed"),
        ("100000 2xx, 0 3xx, 0 4xx", "99999 2xx, 0 3xx, 1 4xx"),
        ("(61200000) data", "(61199999) data"),
        ("100000 total", "99999 total"),
        ("0 errored", "1 errored"),
        ("0 timeout", "1 timeout"),
        ("finished in", "finished at"),
    ],
)
def test_an_incomplete_report_is_refused(right: str, wrong: str) -> None:
    assert right in REPORT
    with pytest.raises(load.WrongAnswers):
        load.parse_report(REPORT.replace(right, wrong), SCENARIO, "x")


def test_files_are_the_same_in_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "SETTLED", 0)
    scenario = S9
    assert scenario.paths() == scenario.paths() != sorted(scenario.paths())
    assert len(set(scenario.paths())) == 1000
    for folder in ("one", "two"):
        S4.write_files(tmp_path / folder)
    contents = [(tmp_path / folder / "10240.bin").read_bytes() for folder in ("one", "two")]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 10240


def test_a_report_of_304s_has_no_content() -> None:
    validated = dataclasses.replace(SCENARIO, validated=True)
    report = REPORT.replace("100000 2xx, 0 3xx", "0 2xx, 100000 3xx").replace("(61200000)", "(0)")
    assert load.parse_report(report, validated, "x") == 444402.97
    with pytest.raises(load.WrongAnswers):
        load.parse_report(REPORT, validated, "x")


RATES = {"h2static": [100.0, 300.0, 200.0], "nghttpd": [400.0, 400.0, 1.0], "nginx": []}
RUNS = {
    name: [load.Measurement(rate=rate, cpu=1e3 / rate, client=2e3 / rate) for rate in values]
    for name, values in RATES.items()
}
FACTS = {"processor": "Z80 <8 bit>", "kernel": "CP/M"}


def test_tables_have_medians_and_ratios() -> None:
    rows = {
        figure: results.table({"S1": RUNS}, list(RATES), figure).splitlines()
        for figure in results.TABLES
    }
    start = "| S1 | 612 B, c10 m100 |"
    assert rows["rate"][-1] == (f"{start} 200 (100 to 300) | 400 (1 to 400) |  | 0.50 |  | 1.15 |")
    assert rows["cpu"][-1] == (
        f"{start} 5.00 (3.33 to 10.00) | 2.50 (2.50 to 1,000.00) |  | 0.50 |  |"
    )
    for table in rows.values():
        assert len({line.count("|") for line in table}) == 1


def test_a_server_whose_time_is_not_known_leaves_its_ratio_out() -> None:
    unknown = [load.Measurement(rate=100.0, cpu=0.0)]
    runs = {"h2static": unknown, "nghttpd": unknown}
    head, _, last = results.table({"S1": runs}, list(runs), "cpu").splitlines()
    assert last == "| S1 | 612 B, c10 m100 | 0.00 | 0.00 |  |"
    assert last.count("|") == head.count("|")


def test_results_are_written_as_json_text_and_picture(tmp_path: Path) -> None:
    written = results.write(
        tmp_path / "new", "x", FACTS, ["h2static 1"], {"S1": RUNS}, list(RATES), 3
    )
    document, text, picture = (path.read_text() for path in written)
    found = json.loads(document)
    assert found["machine"] == FACTS
    assert [run["rate"] for run in found["loads"]["S1"]["runs"]["h2static"]] == RATES["h2static"]
    assert "h2static 1" in text
    root = ElementTree.fromstring(picture)
    assert root.tag.endswith("svg")
    assert "Z80 <8 bit>" in "".join(root.itertext())


def test_a_chart_of_lines_is_a_document_with_every_point() -> None:
    lines = {"ours": [(10.0, 1.0), (100.0, 1.2)], "theirs <1>": [(10.0, 2.0)]}
    root = ElementTree.fromstring(charts.lines("t", "n", "x", lines))
    assert sum(one.tag.endswith("circle") for one in root.iter()) == 3
    assert {"ours", "theirs <1>", "100"} <= set(root.itertext())
    assert scale.steps(lines["ours"]) == pytest.approx(1.2)
    last = scale.table(lines).splitlines()[-1]
    assert last == "| theirs <1> | 1.00 | 2.0 |  |"


@pytest.mark.parametrize(
    ("name", "setup", "fits"),
    [
        ("nghttpd", peers.Setup(http1=True), False),
        ("h2o", peers.Setup(http1=True), True),
        ("h2o", peers.Setup(push=("/", ("/a",))), False),
        ("nghttpd", peers.Setup(push=("/", ("/a",))), True),
    ],
)
def test_what_a_server_cannot_do_is_not_asked_of_it(
    name: str, setup: peers.Setup, *, fits: bool
) -> None:
    assert setup.fits(name) is fits


def test_time_of_threads_that_have_ended_is_left_out() -> None:
    assert peers.spent({1: 1.0, 2: 5.0}, {1: 1.5, 3: 0.25}) == 0.75


#: SETTINGS of a server, and responses of 2 octets on streams 1 and 3; HEADERS have no fields.
_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_RESPONSES = b"".join(
    b"\x00\x00\x01\x01\x04\x00\x00\x00%c\x88\x00\x00\x02\x00\x01\x00\x00\x00%cok" % (stream, stream)
    for stream in (1, 3)
)


@contextlib.contextmanager
def answering(octets: bytes) -> Iterator[int]:
    """A server that answers the first read of each of two connections, one octet at a time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                # A client that has seen enough goes, and one that fails never comes.
                with contextlib.suppress(OSError), listener.accept()[0] as accepted:
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    accepted.recv(65_536)
                    for octet in octets:
                        accepted.sendall(bytes([octet]))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _specification(port: int, *, octets: int = 4, answers: int = 2) -> replay.Specification:
    return replay.Specification(
        port=port, kind="single", requests=2, octets=octets, answers=answers, clients=2
    )


def test_a_replay_counts_what_answers_it() -> None:
    with answering(_SETTINGS + _RESPONSES) as port:
        played = replay.play(_specification(port))
    assert played.requests == 2
    assert played.seconds > 0


@pytest.mark.parametrize(
    ("octets", "answers", "what"),
    [
        (_RESPONSES[:-1], 4, "closed"),
        (_RESPONSES, 3, "closed"),
        (_RESPONSES, 1, "content"),
        (b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x07", 2, "frame of type 3"),
        (b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + bytes(8), 2, "frame of type 7"),
    ],
)
def test_a_replay_refuses_other_answers(octets: bytes, answers: int, what: str) -> None:
    with answering(octets) as port, pytest.raises((replay.WrongAnswer, OSError), match=what):
        replay.play(_specification(port, octets=0 if answers == 1 else 4, answers=answers))


@pytest.mark.parametrize("kind", ["visitors", "page", "clients", "proxy", "query", "single"])
def test_visits_are_the_same_in_every_run(kind: str) -> None:
    made = [
        replay.Specification(port=1, kind=kind, requests=40, octets=0, different=2).visits()
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert sum(visit.requests for visit in made[0]) == 40


def test_what_is_missing_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = {"h2load", "curl", "openssl"}
    monkeypatch.setattr(shutil, "which", lambda name: name if name in there else None)
    assert compare.main(["S1", "--peers", "h2o,nghttpd"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "left out: h2o is missing: apt-get install h2o",
        "left out: nghttpd is missing: apt-get install nghttp2-server",
        "there is no server to measure",
    ]
    there.remove("h2load")
    assert compare.main(["S1"]) == 1
    assert capsys.readouterr().err == "h2load is missing: apt-get install nghttp2-client\n"


@pytest.mark.parametrize("wrong", [["S0"], ["--peers", "apache"], ["--rounds", "0"]])
def test_wrong_arguments_end_in_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        compare.arguments(wrong)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("end", ["pass", "os._exit(0)"])
def test_the_sampler_sees_where_time_goes(tmp_path: Path, end: str) -> None:
    program = (
        "import os, time\n"
        "def burn():\n"
        "    end = time.process_time() + 0.2\n"
        "    while time.process_time() < end: pass\n"
        "burn()\n" + end
    )
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": str(profiling.SAMPLER),
            "H2STATIC_SAMPLES": str(tmp_path),
            "H2STATIC_SAMPLED": "def burn",
        },
    )
    assert len(list(tmp_path.glob("*.json"))) == 1
    report = profiling.report(tmp_path)
    assert "string>: burn" in report.splitlines()[3]


def test_a_report_adds_samples_of_all_processes(tmp_path: Path) -> None:
    inner, outer = ["/x/y/a.py", "inner", 1], ["/x/y/a.py", "outer", 9]
    (tmp_path / "1.json").write_text(json.dumps([[3, [inner, outer]]]))
    (tmp_path / "2.json").write_text(json.dumps([[1, [outer]]]))
    lines = profiling.report(tmp_path).splitlines()
    assert lines[0].startswith("4 samples")
    assert lines[3:5] == ["75.0%  75.0%  y/a.py: inner", "25.0%  100.0%  y/a.py: outer"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_and_time_of_a_process_are_read() -> None:
    assert os.getpid() in peers.family(os.getpid())
    assert peers.cpu_seconds(os.getpid()) > 0
    assert footprint.resident(os.getpid()) > footprint.MIB


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reloads_are_timed(capsys: pytest.CaptureFixture[str]) -> None:
    reload.main(["--files", "150", "--saves", "2", "--rest", "0.1", "--settle", "0"])
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"150 files: [\d.]+% of a processor at rest", lines[0])
    assert [line.split()[0] for line in lines[1:]] == ["style.css", "index.html"]
