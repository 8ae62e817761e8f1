"""The benchmarks refuse wrong answers, and their tables and profiles say what was measured."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import compare, footprint, load, peers, profiling, reload, scenarios
from benchmarks.scenarios import SCENARIOS

#: What h2load 1.52 printed for a run of 100000 requests.
REPORT = """\
finished in 225.02ms, 444402.97 req/s, 271.25MB/s
requests: 100000 total, 100000 started, 100000 done, 100000 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 100000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 61.04MB (64001200) total, 977.50KB (1000960) headers (space savings 93.54%), 58.36MB (61200000) data
"""  # noqa: E501  as printed
SCENARIO = compare.scaled(SCENARIOS["S1"], 100_000 / SCENARIOS["S1"].requests)


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
    scenario = SCENARIOS["S9"]
    assert scenario.paths() == scenario.paths() != sorted(scenario.paths())
    assert len(set(scenario.paths())) == 1000
    for folder in ("one", "two"):
        SCENARIOS["S4"].write_files(tmp_path / folder)
    contents = [(tmp_path / folder / "10240.bin").read_bytes() for folder in ("one", "two")]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 10240


def test_tables_have_medians_and_ratios() -> None:
    rates = {"h2static": [100.0, 300.0, 200.0], "nghttpd": [400.0, 400.0, 1.0]}
    runs = {
        name: [load.Measurement(rate=rate, cpu=1e3 / rate) for rate in values]
        for name, values in rates.items()
    }
    last = compare.table({"S1": runs}, list(rates)).splitlines()[-1]
    assert last == "| S1 | 612 B, c10 m100 | 200 | 400 | 0.50 | 1.00 |"
    last = compare.cpu_table({"S1": runs}, list(rates)).splitlines()[-1]
    assert last == "| S1 | 612 B, c10 m100 | 5.00 | 2.50 | 0.50 |"


def test_a_server_whose_time_is_not_known_leaves_its_ratio_out() -> None:
    unknown = [load.Measurement(rate=100.0, cpu=0.0)]
    runs = {"h2static": unknown, "nghttpd": unknown}
    head, _, last = compare.cpu_table({"S1": runs}, list(runs)).splitlines()
    assert last == "| S1 | 612 B, c10 m100 | 0.00 | 0.00 |  |"
    assert last.count("|") == head.count("|")


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
