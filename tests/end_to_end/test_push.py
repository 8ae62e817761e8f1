"""Pushes and hints as clients get them: nghttp, node, curl and Chromium."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.localca.certificates import ensure_certificate
from tests.support.browser import Browser, address
from tests.support.processes import RunningServer, command, running, wait_until
from tests.support.tools import require_tool

WWW = Path(__file__).resolve().parents[2] / "www"
RULES = ("-p", "/=/styles/site.css,/styles/palette.css,/scripts/octets.js")
PUSHED = ["/styles/site.css", "/styles/palette.css", "/scripts/octets.js"]
LINK = (
    "</styles/site.css>; rel=preload; as=style, </styles/palette.css>; rel=preload; as=style, "
    "</scripts/octets.js>; rel=preload; as=script"
)
#: Seconds for a client that is started for one answer.
PATIENCE = 30

#: Asks for the page twice on one connection; prints what came with it as one JSON line.
NODE = """
const http2 = require("http2");
const session = http2.connect(process.argv[1]);
const pushes = [];
session.on("stream", (stream, asked) => {
  const push = { asked, body: "" };
  pushes.push(push);
  stream.setEncoding("utf8");
  stream.on("push", (answer) => { push.answer = answer; });
  stream.on("data", (text) => { push.body += text; });
});
const get = (fields) => new Promise((done, fail) => {
  const request = session.request({ ":path": "/", ...fields });
  request.on("error", fail);
  request.resume();
  request.on("end", done);
});
(async () => {
  await get({ cookie: "secret=1", authorization: "Basic eA==", "user-agent": "node",
              "accept-language": "en" });
  await get({});
  session.close(() => console.log(JSON.stringify(pushes)));
})();
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running("--no-tls", "-v", "-a", "127.0.0.1", *RULES, "0", str(WWW)) as server:
        yield server


def run(*command: str) -> str:
    """What a client prints; it must succeed."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def nghttp(*words: str) -> str:
    return run(require_tool("nghttp", package="nghttp2-client"), *words)


def test_nghttp_gets_each_push_once(server: RunningServer) -> None:
    output = nghttp("-v", server.urls[0])
    promised = re.findall(
        r"recv PUSH_PROMISE frame .*\n.*\n +\(padlen=0, promised_stream_id=(\d+)", output
    )
    assert promised == ["2", "4", "6"]
    assert re.findall(r":path: (/\S+)", output)[:3] == PUSHED
    for path in PUSHED:
        assert (WWW / path[1:]).read_text() in output
    # Everything that is promised comes before the content that refers to it.
    assert output.rindex("recv PUSH_PROMISE") < output.index("recv DATA")
    assert ":status: 103" not in output
    assert "link: <" not in output


def test_nghttp_that_takes_no_pushes_gets_hints(server: RunningServer) -> None:
    output = nghttp("-nv", "--no-push", server.urls[0])
    assert "PUSH_PROMISE" not in output.replace("SETTINGS_ENABLE_PUSH", "")
    answers = re.findall(r"recv \(stream_id=13\) :status: (\d+)\n.*link: (.*)", output)
    assert answers == [("103", LINK)]
    assert output.count(f"link: {LINK}\n") == 2


def test_as_many_streams_as_the_client_takes(server: RunningServer) -> None:
    """RFC 9113 section 5.1.2; what is left over is hinted at."""
    output = nghttp("-nv", "--max-concurrent-streams=1", server.urls[0])
    assert output.count("recv PUSH_PROMISE") == 1
    assert output.count(f"link: {LINK.partition(', ')[2]}\n") == 2


def test_nghttp_asks_for_nothing_twice(server: RunningServer) -> None:
    """``-a`` asks for what the page refers to, unless it was pushed."""
    output = nghttp("-ans", server.urls[0])
    paths = [line.split()[-1] for line in output.splitlines() if re.match(r" *\d+ +\+", line)]
    assert len(paths) == len(set(paths))
    assert set(PUSHED) < set(paths)
    assert "/images/frame.svg" in paths


def test_the_log_has_nghttpd_s_lines(server: RunningServer) -> None:
    """The form of nghttpd's own log of a push."""
    nghttp("-n", server.urls[0])
    promise = re.compile(
        r"\[id=\d+\] \[ *\d+\.\d{3}\] "
        r"send PUSH_PROMISE frame <length=\d+, flags=0x04, stream_id=13>\n"
        r"          ; END_HEADERS\n"
        r"          \(padlen=0, promised_stream_id=2\)\n"
        r"          :method: GET\n"
        r"          :path: /styles/site.css\n"
        r"          :scheme: http\n"
        r"          :authority: 127\.0\.0\.1:\d+\n"
    )
    wait_until(lambda: promise.search(server.stdout()) is not None, "the promise in the log")
    wait_until(lambda: "; First push response header" in server.stdout(), "the push in the log")


def test_node_gets_each_push_once_with_its_content(server: RunningServer) -> None:
    node = require_tool("node", package="nodejs")
    pushes = json.loads(run(node, "-e", NODE, server.urls[0]))
    assert [push["asked"][":path"] for push in pushes] == PUSHED
    for push in pushes:
        asked = push["asked"]
        assert push["answer"][":status"] == 200
        assert push["body"] == (WWW / asked[":path"][1:]).read_text()
        assert (asked["user-agent"], asked["accept-language"]) == ("node", "en")
        assert not {"cookie", "authorization"} & set(asked)


def test_curl_shows_early_hints(server: RunningServer) -> None:
    curl = require_tool("curl", package="curl")
    output = run(curl, "-si", "--http2-prior-knowledge", server.urls[0])
    early, final, page = output.split("\n\n", 2)
    assert early.splitlines() == ["HTTP/2 103 ", f"link: {LINK}"]
    assert final.startswith("HTTP/2 200")
    assert f"link: {LINK}" in final.splitlines()
    assert page == (WWW / "index.html").read_text()


def test_http_1_gets_a_link_and_nothing_early(server: RunningServer) -> None:
    """RFC 8297 section 3: some of its clients take an informational response for the final one."""
    curl = require_tool("curl", package="curl")
    output = run(curl, "-si", "--http1.1", "-H", "sec-fetch-mode: navigate", server.urls[0])
    assert output.startswith("HTTP/1.1 200")
    assert f"link: {LINK}" in output.lower().splitlines()


@pytest.mark.parametrize(
    ("fields", "early", "link"),
    [
        (("sec-fetch-mode: navigate", "sec-fetch-dest: document"), True, True),
        (("sec-fetch-mode: navigate", "sec-fetch-dest: iframe"), False, True),
        (("sec-fetch-mode: cors",), False, True),
        (("range: bytes=0-3",), False, False),
    ],
)
def test_only_navigations_get_hints_early(
    server: RunningServer, fields: tuple[str, ...], early: bool, link: bool
) -> None:
    curl = require_tool("curl", package="curl")
    words = [word for line in fields for word in ("-H", line)]
    output = run(curl, "-si", "--http2-prior-knowledge", *words, server.urls[0])
    assert ("HTTP/2 103" in output) is early
    assert ("link: <" in output) is link


def test_push_rules_writes_a_file_that_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(run(*command("push-rules", str(WWW))))
    with running("--no-tls", "-a", "127.0.0.1", "--push-rules", str(file), "0", str(WWW)) as server:
        output = nghttp("-nv", server.urls[0])
    promised = re.findall(r"recv \(stream_id=13\) :path: (\S+)", output)
    assert promised == ["/fonts/octet.woff2", "/styles/site.css", "/scripts/main.js"]


def test_a_wrong_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text('{"rules": [{"path": "/", "targets": ["x"]}]}')
    words = command("--no-tls", "--push-rules", str(file), "0", str(WWW))
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "rules.json: $.rules[0].targets[0]: expected a path that starts with /" in done.stderr


def test_a_missing_target_is_reported_and_not_pushed() -> None:
    with running(
        "--no-tls", "-a", "127.0.0.1", "-p", "/=/styles/site.css,/gone.css", "0", str(WWW)
    ) as server:
        assert "push rule for /: /gone.css does not exist" in server.stderr()
        assert "/gone.css" not in nghttp("-nv", server.urls[0])


def test_the_push_cookie_spares_a_second_visit() -> None:
    words = ("--push-cookie", "--no-tls", "-a", "127.0.0.1", *RULES, "0", str(WWW))
    with running(*words) as server:
        first = nghttp("-nv", server.urls[0])
        assert first.count("recv PUSH_PROMISE") == 3
        cookie = re.search(r"set-cookie: (h2static-push=[^;]+)", first)
        assert cookie is not None
        second = nghttp("-nv", "-H", f"cookie: {cookie[1]}", server.urls[0])
        assert "recv PUSH_PROMISE" not in second
        assert "set-cookie" not in second


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("words", "hinted"),
    [
        (("-p", "/=/styles/site.css,/styles/palette.css"), ["palette.css", "site.css"]),
        (("--hints", "auto"), ["main.js", "octet.woff2", "site.css"]),
    ],
)
def test_chromium_uses_early_hints(
    browser: Browser, words: tuple[str, ...], hinted: list[str]
) -> None:
    """``initiatorType`` says that the browser used what it had fetched because of a 103.

    It does not say so of what it had to validate again: the files need a lifetime.
    """
    pair = ensure_certificate(folder=Path(browser.environment["XDG_DATA_HOME"]) / "h2static")
    operands = ("0", str(WWW), pair.key_file, pair.cert_file)
    lifetime = ("--cache", "/**=max-age=60")
    with running("-a", "127.0.0.1", *lifetime, *words, *operands) as server:
        browser.driver.get(address(server))
        browser.wait(
            "performance.getEntriesByType('resource')"
            ".filter((entry) => entry.initiatorType === 'early-hints')"
            ".map((entry) => entry.name.split('/').pop()).sort()",
            hinted,
        )
        assert [line for line in browser.log() if "preload" in line] == []
