"""node's ``http2`` module as the client: nghttp2 under somebody else's hands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict, cast

import pytest

from tests.support.clients import node
from tests.support.clients_site import HUGE, SIZES, digest, huge_digest, octets, write_site
from tests.support.processes import RunningServer, running

ADDRESS = ("--no-tls", "-a", "127.0.0.1")


class Answer(TypedDict):
    """What ``ask`` tells."""

    status: int
    fields: dict[str, str]
    informational: list[int]
    length: int
    digest: str
    trailers: dict[str, str] | None
    reset: int


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("www"))


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    with running(*ADDRESS, "0", str(root)) as server:
        yield server


def answers(server: RunningServer, program: str) -> list[Answer]:
    """What a program, which returns a list of answers, got."""
    return cast("list[Answer]", node(server.port, program))


#: Asks for each size three times, all at once.
_ALL_SIZES = f"""
  const sizes = {list(SIZES) * 3};
  return Promise.all(sizes.map(size => ask(session, {{':path': `/${{size}}.bin`}})));
"""


def check_all_sizes(got: list[Answer]) -> None:
    """Each content is whole."""
    assert [answer["status"] for answer in got] == [200] * len(SIZES) * 3
    for answer, size in zip(got, SIZES * 3, strict=True):
        assert (answer["length"], answer["digest"]) == (size, digest(octets(size)))
        assert answer["reset"] == 0


@pytest.mark.parametrize(
    "settings",
    [
        "{}",
        "{initialWindowSize: 1000}",
        "{initialWindowSize: 2147483647, maxFrameSize: 16777215}",
        "{headerTableSize: 0}",
        "{headerTableSize: 100}",
        "{enablePush: false, maxConcurrentStreams: 0}",
        "{maxHeaderListSize: 1024}",
    ],
)
def test_interleaved_contents(server: RunningServer, settings: str) -> None:
    check_all_sizes(answers(server, f"const session = connect({settings});{_ALL_SIZES}"))


@pytest.mark.parametrize("window", [0, 1])
def test_a_window_that_is_raised_later(server: RunningServer, window: int) -> None:
    """Field sections come at once, content when SETTINGS allows it."""
    before, *got = cast(
        "list[Answer]",
        node(
            server.port,
            f"""
  const session = connect({{initialWindowSize: {window}}});
  const sizes = {list(SIZES) * 3};
  const early = {{heads: 0, length: 0}};
  const asked = sizes.map(size => ask(session, {{':path': `/${{size}}.bin`}}));
  const streams = [];
  await new Promise(resolve => {{
    const stream = session.request({{':path': '/65536.bin'}});
    stream.on('response', () => {{ early.heads++; }});
    stream.on('data', octets => {{ early.length += octets.length; }});
    stream.on('close', resolve);
    stream.end();
    session.ping(() => session.ping(() => {{
      early.before = early.length;
      session.settings({{initialWindowSize: 100000}});
    }}));
  }});
  return [early, ...await Promise.all(asked)];
""",
        ),
    )
    told = cast("dict[str, int]", before)
    assert told["heads"] == 1
    # node returns the credit of each octet that was read, so with 1 it creeps.
    assert told["before"] <= 3 * window
    assert told["length"] == 65_536
    check_all_sizes(got)


def test_head_and_statuses(server: RunningServer) -> None:
    got = answers(
        server,
        """
  const session = connect();
  const whole = [
    {':path': '/65536.bin', ':method': 'HEAD'}, {':path': '/nowhere', ':method': 'HEAD'},
    {':path': '/nowhere'}, {':path': '/sub'}, {':path': '/', ':method': 'DELETE'},
    {':path': '/', ':method': 'FOO'}, {':path': '/%00'}, {':path': '/a%5cb'},
    {':path': '/', 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT'},
  ];
  return Promise.all(whole.map(fields => ask(session, fields)));
""",
    )
    statuses = [answer["status"] for answer in got]
    assert statuses[:6] == [200, 404, 404, 301, 405, 501]
    assert set(statuses[6:8]) <= {400, 404}
    # RFC 9110 section 13.1.3: a date in the future is no valid one; it is ignored or answered so.
    assert statuses[8] in (200, 304)
    assert got[0]["fields"]["content-length"] == "65536"
    assert [answer["length"] for answer in got[:2]] == [0, 0]
    assert got[2]["length"] == int(got[2]["fields"]["content-length"]) > 0


def test_huge(server: RunningServer) -> None:
    (got,) = answers(
        server,
        "return [await ask(connect({initialWindowSize: 1048576}), {':path': '/huge.bin'})];",
    )
    assert (got["length"], got["digest"]) == (HUGE, huge_digest())


def test_many_streams(server: RunningServer) -> None:
    got = answers(
        server,
        """
  const session = connect();
  const numbers = [...Array(1000).keys()];
  return Promise.all(numbers.map(number => ask(session, {':path': `/style.css?${number}`})));
""",
    )
    assert {(answer["status"], answer["length"]) for answer in got} == {(200, 18)}
    assert len(got) == 1000


def test_one_cancelled_stream_disturbs_no_other(server: RunningServer) -> None:
    got = answers(
        server,
        """
  const session = connect();
  const asked = [1, 2, 3].map(() => ask(session, {':path': '/65536.bin'}));
  const stream = session.request({':path': '/huge.bin'});
  stream.on('error', () => {});
  stream.once('data', () => stream.close(http2.constants.NGHTTP2_CANCEL));
  stream.end();
  await new Promise(resolve => stream.on('close', resolve));
  return Promise.all([...asked, ask(session, {':path': '/65536.bin'})]);
""",
    )
    assert {answer["digest"] for answer in got} == {digest(octets(65_536))}
    assert len(got) == 4


def test_trailers_padding_and_echo(root: Path) -> None:
    words = ("--trailer", "X-Digest: none", "--echo-upload", "-b", "100", "-w", "20", "-W", "21")
    with running(*ADDRESS, *words, "0", str(root)) as server:
        file, head, echo = answers(
            server,
            """
  const session = connect({initialWindowSize: 70000});
  const content = Buffer.alloc(3000000, 'abc');
  return Promise.all([
    ask(session, {':path': '/65536.bin'}),
    ask(session, {':path': '/65536.bin', ':method': 'HEAD'}),
    ask(session, {':path': '/x', ':method': 'POST'}, content),
  ]);
""",
        )
        assert file["digest"] == digest(octets(65_536))
        assert file["fields"]["trailer"] == "x-digest"
        assert file["trailers"] == {"x-digest": "none"}
        assert (head["length"], head["trailers"]) == (0, None)
        assert echo["digest"] == digest(b"abc" * 1_000_000)
        assert echo["trailers"] == {"x-digest": "none"}


def test_a_session_that_is_closed_gets_its_answers(server: RunningServer) -> None:
    """The client's GOAWAY goes out while content is still coming."""
    (got,) = answers(
        server,
        """
  const session = connect({initialWindowSize: 1000});
  const asked = ask(session, {':path': '/65536.bin'});
  await new Promise(resolve => session.on('stream', resolve) && setImmediate(resolve));
  session.goaway(0);
  session.close();
  return [await asked];
""",
    )
    assert got["digest"] == digest(octets(65_536))
