"""``h2get conformance``: the suite that is shipped, what it says of servers, its reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from h2static.client.urls import parse_url
from h2static.h2get.conformance import shipped_cases
from h2static.h2get.script.model import Alive, Expect
from h2static.http2 import frames as f
from h2static.http2 import registry as r
from h2static.http2.errors import ConnectionViolation
from tests.support.fake_server import Visitor, fake_server
from tests.support.h2get import h2get

CASES = shipped_cases(parse_url("http://localhost/"))


def test_ours_passes_all(url: str) -> None:
    done = h2get("conformance", "-t", "20s", f"{url}/large.bin")
    assert [line for line in done.output.splitlines() if not line.startswith("ok ")] == [
        f"{len(CASES)} cases: {len(CASES)} passed"
    ]
    assert (done.code, done.errors) == (0, "")


@pytest.mark.parametrize(
    ("size", "some_are_skipped"), [(0, True), (1, True), (3, True), (4, False)]
)
def test_cases_that_need_more_content(
    url: str, root: Path, size: int, some_are_skipped: bool
) -> None:
    (root / f"octets-{size}").write_bytes(b"x" * size)
    done = h2get("conformance", "-t", "20s", f"{url}/octets-{size}")
    found = {line.split()[0] for line in done.output.splitlines()[:-1]}
    assert found == ({"ok", "skipped"} if some_are_skipped else {"ok"})
    assert done.code == 0


def test_the_suite() -> None:
    assert len(CASES) >= 150
    names = Counter(case.name for case in CASES)
    assert [name for name, count in names.items() if count > 1] == []
    for case in CASES:
        assert re.fullmatch(r"RFC (9113|7541|9110|9218) section [0-9.]+", case.section), case.name
        assert case.text, case.name
        assert any(isinstance(step, Expect | Alive) for step in case.steps), case.name


def test_what_a_broken_connection_is_held_to() -> None:
    """Code and last stream, the end, and another connection that lives on."""
    written = "\n".join(path.read_text() for path in Path("h2static/h2get/suite").glob("*.h2s"))
    errors = re.findall(r"^connection-error .*", written, re.MULTILINE)
    assert len(errors) >= 50
    for one in errors:
        assert re.fullmatch(r"connection-error [A-Z_|]+ last_stream<?=\d+", one)


def verdicts(output: str) -> dict[str, str]:
    """Case -> verdict of a run."""
    found = re.findall(
        r"^(\w+) +RFC \d+ section [0-9.]+ +(.*?)(?: \(\w+\))?$", output, re.MULTILINE
    )
    return {name: mark for mark, name in found}


def cases(*names: str) -> list[str]:
    return [word for name in names for word in ("--case", name)]


@pytest.mark.slow
def test_what_nghttpd_does(theirs: str) -> None:
    """nghttpd 1.52 is known for these, which shows that cases can fail."""
    expected = {
        "DATA after END_STREAM": "widened",
        "an identifier below the last one": "FAILED",
        "user information in :authority": "FAILED",
        "PRIORITY_UPDATE for stream 0": "skipped",
        "an index beyond the tables": "ok",
    }
    done = h2get("conformance", *cases(*expected), "-t", "2s", f"{theirs}/large.bin")
    assert verdicts(done.output) == expected | {"a name with an index beyond the tables": "ok"}
    assert (done.code, done.errors) == (1, "")
    assert done.output.splitlines()[-1] == (
        "6 cases: 2 passed, 2 failed, 1 connection error for a stream error, 1 skipped"
    )
    assert "      expected: GOAWAY code=PROTOCOL_ERROR|STREAM_CLOSED last_stream=5\n" in done.output
    assert "      got:      nothing, and nothing more within 2 s\n" in done.output


def wait_for_what_is_wrong(visitor: Visitor) -> bool:
    """Whether something came behind the handshake."""
    visitor.greet()
    visitor.expect(f.Settings)
    visitor.expect(f.Settings)
    try:
        return visitor.read_frame() is not None
    except ConnectionViolation:
        return True


def closes(visitor: Visitor) -> None:
    """A connection that ends is no answer."""
    wait_for_what_is_wrong(visitor)


def wrong_code(visitor: Visitor) -> None:
    if wait_for_what_is_wrong(visitor):
        visitor.send(f.GoAway(last_stream_id=0, code=r.ErrorCode.INTERNAL_ERROR))


def wrong_last_stream(visitor: Visitor) -> None:
    if wait_for_what_is_wrong(visitor):
        visitor.send(f.GoAway(last_stream_id=7, code=r.ErrorCode.PROTOCOL_ERROR))


def ends_the_others(visitor: Visitor) -> None:
    """The right answer, and the other connection gets it too."""
    if wait_for_what_is_wrong(visitor):
        visitor.send(f.GoAway(last_stream_id=0, code=r.ErrorCode.PROTOCOL_ERROR))


@pytest.mark.parametrize(
    ("serve", "verdict", "got"),
    [
        (closes, "silent", "closed"),
        (wrong_code, "FAILED", "GOAWAY last_stream=0 code=INTERNAL_ERROR"),
        (wrong_last_stream, "FAILED", "GOAWAY last_stream=7 code=PROTOCOL_ERROR"),
        (ends_the_others, "FAILED", "GOAWAY last_stream=0 code=PROTOCOL_ERROR"),
    ],
)
def test_servers_that_do_it_wrong(serve: Callable[[Visitor], None], verdict: str, got: str) -> None:
    with fake_server(serve) as server:
        done = h2get("conformance", *cases("PING on a stream"), "-t", "20s", server.url)
    assert verdicts(done.output) == {"PING on a stream": verdict}
    assert f"      got:      {got}\n" in done.output
    # That nothing was said is allowed (RFC 9113 section 5.4.1), and is shown.
    assert done.code == (0 if verdict == "silent" else 1)


def test_what_is_shown_of_a_failure(url: str, tmp_path: Path) -> None:
    suite = tmp_path / "own.h2s"
    suite.write_text(
        "case: one\nsection: RFC 1 section 2\nlevel: SHOULD\nhandshake\n> PING\n"
        "< PING within=10ms -ACK\n"
    )
    done = h2get("conformance", "--suite", str(suite), "-v", f"{url}/")
    assert done.code == 0
    lines = done.output.splitlines()
    assert lines[0] == "FAILED   RFC 1 section 2            one (SHOULD)"
    assert any(
        re.fullmatch(r"\[  \d\.\d{3}\] > PING opaque=0000000000000000", one) for one in lines
    )
    assert lines[-1] == "1 case: 1 failed"


@pytest.mark.slow
def test_reports(theirs: str, tmp_path: Path) -> None:
    junit, html = tmp_path / "a.xml", tmp_path / "a.html"
    names = ("DATA after END_STREAM", "identifier below", "for stream 0", "method in lower case",
             "PING is answered")  # fmt: skip
    words = (*cases(*names), "-t", "2s", "--junit", str(junit), "--html", str(html))
    assert h2get("conformance", *words, f"{theirs}/large.bin").code == 1
    suite = ElementTree.parse(junit).getroot()
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped", "errors")} == {
        "tests": "5", "failures": "1", "skipped": "1", "errors": "0",
    }  # fmt: skip
    found = {str(one.get("name")): one for one in suite}
    failure = found["an identifier below the last one"].find("failure")
    assert failure is not None
    assert failure.get("type") == "MUST: failed"
    assert "expected GOAWAY code=PROTOCOL_ERROR|STREAM_CLOSED" in (failure.get("message") or "")
    assert "> HEADERS stream=5 END_STREAM" in (failure.text or "")
    assert found["PRIORITY_UPDATE for stream 0"].find("skipped") is not None
    assert list(found["PING is answered"]) == []
    # No MUST: told, and no failure.
    for name, kind in (
        ("a method in lower case", "SHOULD: failed"),
        ("DATA after END_STREAM", "MUST: connection error for a stream error"),
    ):
        (output,) = found[name]
        assert output.tag == "system-out"
        assert (output.text or "").startswith(kind)
    page = html.read_text()
    assert page.startswith("<!doctype html>")
    for name in ("ok", "failed", "widened", "skipped"):
        assert f'<td class="{name}">{name}' in page
    assert "<summary>an identifier below the last one</summary>" in page


def test_what_a_server_says_is_escaped_in_reports(tmp_path: Path) -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.send(f.GoAway(last_stream_id=0, code=1, debug=b"</pre><script>\x00\xff]]>\x1b[31m"))
        visitor.wait_for_end()

    junit, html = tmp_path / "a.xml", tmp_path / "a.html"
    words = (*cases("PING is answered"), "--junit", str(junit), "--html", str(html))
    with fake_server(serve) as server:
        assert h2get("conformance", *words, server.url).code == 1
    assert "<script>" not in html.read_text()
    assert "&lt;script&gt;" in html.read_text()
    failure = ElementTree.parse(junit).getroot()[0][0]
    assert "</pre><script>" in (failure.text or "")


def test_the_list() -> None:
    done = h2get("conformance", "--list", "--case", "section 6.7")
    assert done.code == 0
    assert done.output.splitlines() == [
        f"{case.section:<28} {case.level:<6} {case.name}"
        for case in CASES
        if "section 6.7" in case.section
    ]


def test_what_is_wrong_is_one_line(url: str) -> None:
    for words, code, complaint in (
        (("--case", "nothing has this", url), 2, "--case: no case matches"),
        ((), 2, "conformance: expected one URI; see h2get conformance --help"),
        ((url, url), 2, "conformance: expected one URI; see h2get conformance --help"),
        (("--jobs", "0", url), 2, "--jobs: '0' is not an integer from 1 to 1000"),
        (("-H", "a: b", url), 2, "--header cannot be combined with conformance"),
        (("--json", url), 2, "--json cannot be combined with conformance"),
        (("--max-time", "1ms", url), 1, "not finished within 0.001 s"),
        (("--jobs", "x", url), 2, None),
        (("--suite", "/none", url), 2, "/none: No such file or directory"),
        (("--junit", "/none/x", "--case", "PING is", url), 1, None),
        (("http://127.0.0.1:1/",), 3, "127.0.0.1:1: Connection refused"),
    ):
        done = h2get("conformance", *words)
        assert done.code == code
        assert done.errors.count("\n") == 1
        assert complaint is None or done.errors == f"h2get: {complaint}\n"
