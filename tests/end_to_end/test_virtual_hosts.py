"""Several hosts with certificates of their own in one process."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import hpack
import pytest

from h2static.http2 import frames as f
from h2static.http2 import registry as r
from tests.support.host_certificates import Authority, make_authority
from tests.support.processes import DEADLINE, RunningServer, running, wait_until
from tests.support.servers import free_port
from tests.support.tools import require_tool

FILE = """
port = 0
address = ["127.0.0.1"]
workers = 1
access-log = "access.log"
log-format = "json"
{more}
[[host]]
names = ["a.test"]
htdocs = "a"
netlify = true
key = "ab.key"
cert = "ab.pem"
listing = true
[[host]]
names = ["b.test"]
htdocs = "b"
key = "ab.key"
cert = "ab.pem"
[[host]]
names = ["c.test", "*.c.test"]
htdocs = "c"
key = "c.key"
cert = "c.pem"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "c", "d"):
        site = tmp_path / name
        site.mkdir()
        (site / "index.html").write_text(f"<title>{name}</title>")
        (site / "same.txt").write_text(name * 5)
        (site / "404.html").write_text(f"no such thing at {name}")
    (tmp_path / "a" / "_headers").write_text("/*\n  X-Of-A: yes\n")
    (tmp_path / "a" / "sub").mkdir()
    (tmp_path / "b" / "sub").mkdir()
    return tmp_path


@pytest.fixture
def authority(folder: Path) -> Authority:
    made = make_authority(folder)
    made.issue("ab", "a.test", "b.test", "d.test")
    made.issue("c", "c.test", "*.c.test")
    return made


@pytest.fixture
def server(folder: Path, authority: Authority) -> Iterator[RunningServer]:
    (folder / "hosts.toml").write_text(FILE.format(more=""))
    with running("--config", "hosts.toml", folder=folder) as server:
        yield server


def curl(
    server: RunningServer, authority: Authority, *words: str, names: tuple[str, ...] = ()
) -> list[str]:
    """The lines of ``%{http_code} %{num_connects}`` and bodies."""
    known = ("a.test", "b.test", "c.test", "x.c.test", "d.test", "x.y.c.test", *names)
    resolve = [word for name in known for word in ("--resolve", f"{name}:{server.port}:127.0.0.1")]
    done = subprocess.run(
        [
            require_tool("curl", package="curl"),
            "-sS",
            "--cacert",
            str(authority.file),
            *resolve,
            *words,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    return done.stdout.splitlines()


STATUS = ("-w", "\n%{http_code}\n")


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_each_name_has_its_site_and_its_certificate(
    server: RunningServer, authority: Authority, version: str
) -> None:
    for name, body in (("a", "a"), ("b", "b"), ("c", "c"), ("x.c", "c")):
        url = f"https://{name}.test:{server.port}/same.txt"
        assert curl(server, authority, version, url) == [body * 5]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize(
    ("words", "status"),
    [
        # A host that the certificate is for is served, whatever the handshake was for.
        (("https://a.test:{port}/same.txt", "-H", "Host: b.test:{port}"), "200"),
        (("https://a.test:{port}/same.txt", "-H", "Host: B.TEST."), "200"),
        # Its certificate is another one.
        (("https://a.test:{port}/same.txt", "-H", "Host: c.test"), "421"),
        (("https://c.test:{port}/same.txt", "-H", "Host: a.test"), "421"),
        # Nobody's name, and there is no default.
        (("https://a.test:{port}/same.txt", "-H", "Host: d.test"), "421"),
        (("-k", "https://x.y.c.test:{port}/same.txt"), "421"),
        (("-k", "https://127.0.0.1:{port}/same.txt"), "421"),
        # A wildcard is one label.
        (("https://x.c.test:{port}/same.txt", "-H", "Host: y.c.test"), "200"),
    ],
)
def test_misdirected_requests(
    server: RunningServer, authority: Authority, version: str, words: tuple[str, ...], status: str
) -> None:
    told = [word.format(port=server.port) for word in words]
    assert curl(server, authority, version, *told, *STATUS)[-1] == status


def test_what_is_one_hosts_is_not_anothers(
    server: RunningServer, authority: Authority, folder: Path
) -> None:
    def ask(name: str, path: str) -> str:
        url = f"https://{name}.test:{server.port}{path}"
        return "\n".join(curl(server, authority, "-i", "--http1.1", url, *STATUS)).lower()

    assert "x-of-a: yes" in ask("a", "/")
    assert "x-of-a" not in ask("b", "/")
    # The list of a folder, and the page for what is absent.
    assert ask("a", "/sub/").endswith("200")
    assert ask("b", "/sub/").endswith("404")
    assert "no such thing at a" in ask("a", "/none")
    assert "no such thing at" not in ask("b", "/none")
    wait_until(lambda: (folder / "access.log").read_text().count("\n") >= 6, "the log")
    lines = [json.loads(line) for line in (folder / "access.log").read_text().splitlines()]
    assert [line["host"] for line in lines] == ["a.test", "b.test"] * 3


def connect(server: RunningServer, authority: Authority, name: str) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)
    return authority.client_context("h2").wrap_socket(plain, server_hostname=name)


def frames_from(tls: ssl.SSLSocket, buffer: bytearray) -> Iterator[f.Frame]:
    while True:
        while len(buffer) < 9 or len(buffer) < 9 + int.from_bytes(buffer[:3], "big"):
            octets = tls.recv(65536)
            if not octets:
                return
            buffer += octets
        length = int.from_bytes(buffer[:3], "big")
        payload = bytes(buffer[9 : 9 + length])
        head = bytes(buffer[:9])
        del buffer[: 9 + length]
        yield f.parse(head[3], head[4], int.from_bytes(head[5:9], "big"), payload)


@pytest.mark.parametrize(
    ("name", "told"), [("a.test", (b"a.test", b"b.test")), ("c.test", (b"c.test",))]
)
def test_an_origin_frame_tells_what_a_connection_is_good_for(
    server: RunningServer, authority: Authority, name: str, told: tuple[bytes, ...]
) -> None:
    """RFC 8336: names that this certificate is for and that are served, but for wildcards."""
    with connect(server, authority, name) as tls:
        tls.sendall(r.PREFACE + f.Settings().serialize())
        frames = frames_from(tls, bytearray())
        origin = next(one for one in frames if isinstance(one, f.Origin))
    assert origin.origins == tuple(b"https://%b:%d" % (one, server.port) for one in told)


def test_the_frame_log_shows_it(folder: Path, authority: Authority) -> None:
    (folder / "hosts.toml").write_text(FILE.format(more="verbose = true"))
    with running("--config", "hosts.toml", folder=folder) as server:
        curl(server, authority, f"https://a.test:{server.port}/")
        wait_until(lambda: f"[https://b.test:{server.port}]" in server.stdout(), "the frame")
        assert "send ORIGIN frame" in server.stdout()


def ask_in_turns(tls: ssl.SSLSocket, names: list[bytes], count: int) -> list[bytes]:
    """The bodies of ``count`` requests that are equal but for their authority, in turns."""
    blocks = []
    for name in names:
        # Nothing enters the table (RFC 7541 section 6.2.2): each name's octets are always the same.
        start = hpack.Encoder().encode([(b":method", b"GET"), (b":scheme", b"https")])
        literals = bytes((0x01, len(name))) + name + bytes((0x04, 9)) + b"/same.txt"
        blocks.append(start + literals)
    tls.sendall(r.PREFACE + f.Settings(entries=((r.SETTINGS_ENABLE_PUSH, 0),)).serialize())
    tls.sendall(f.WindowUpdate(stream_id=0, increment=2**30).serialize())
    frames = frames_from(tls, bytearray())
    decoder = hpack.Decoder()
    bodies: dict[int, bytes] = {}
    asked = over = 0
    while over < count:
        batch = b"".join(
            f.Headers(
                stream_id=2 * number + 1,
                flags=r.END_STREAM | r.END_HEADERS,
                fragment=blocks[number % len(blocks)],
            ).serialize()
            for number in range(asked, min(asked + 50, count))
        )
        asked = min(asked + 50, count)
        tls.sendall(batch)
        while over < asked:
            frame = next(frames)
            if isinstance(frame, f.Headers):
                fields = decoder.decode(frame.fragment, raw=True)
                assert (b":status", b"200") in [tuple(one) for one in fields]
            elif isinstance(frame, f.Data):
                bodies[frame.stream_id] = bodies.get(frame.stream_id, b"") + frame.data
                over += bool(frame.flags & r.END_STREAM)
            elif isinstance(frame, f.Settings) and not frame.flags:
                tls.sendall(f.Settings(flags=r.ACK).serialize())
            else:
                assert not isinstance(frame, f.RstStream | f.GoAway)
    return [bodies[2 * number + 1] for number in range(count)]


@pytest.mark.timeout(120)
def test_ten_thousand_requests_in_turns_on_one_connection(
    server: RunningServer, authority: Authority
) -> None:
    with connect(server, authority, "a.test") as tls:
        bodies = ask_in_turns(tls, [b"a.test", b"b.test"], 10_000)
    assert bodies == [b"aaaaa", b"bbbbb"] * 5_000


def test_a_reload_adds_and_removes_hosts_without_a_lost_request(
    folder: Path, authority: Authority
) -> None:
    path = folder / "hosts.toml"
    path.write_text(FILE.format(more=""))
    with running("--config", "hosts.toml", folder=folder) as server:
        url = f"https://d.test:{server.port}/same.txt"
        assert curl(server, authority, url, *STATUS)[-1] == "421"
        stopping = threading.Event()
        seen: list[list[str]] = []

        def load() -> None:
            while not stopping.is_set():
                seen.append(curl(server, authority, f"https://b.test:{server.port}/same.txt"))

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            added = FILE.format(more="").replace('names = ["a.test"]', 'names = ["d.test"]')
            path.write_text(added.replace('htdocs = "a"', 'htdocs = "d"'))
            server.signal(signal.SIGHUP)
            server.wait_for_stderr("reloaded")
            wait_until(lambda: curl(server, authority, url, *STATUS)[0] == "ddddd", "the new host")
            # A file with a fault changes nothing.
            path.write_text(added + '[[host]]\nnames = ["d.test"]\nhtdocs = "a"\n')
            server.signal(signal.SIGHUP)
            server.wait_for_stderr("keeping the old configuration: hosts.toml: [[host]] 4: names:")
        finally:
            stopping.set()
            for thread in threads:
                thread.join()
        assert curl(server, authority, url) == ["ddddd"]
        gone = curl(server, authority, f"https://a.test:{server.port}/same.txt", *STATUS)
        assert gone[-1] == "421"
    assert len(seen) > 3
    assert seen == [["bbbbb"]] * len(seen)


def test_certificates_are_renewed_by_host(
    server: RunningServer, authority: Authority, folder: Path
) -> None:
    def serials(name: str) -> int:
        with connect(server, authority, name) as tls:
            certificate = tls.getpeercert()
            assert certificate is not None
            return int(str(certificate["serialNumber"]), 16)

    before = {name: serials(name) for name in ("a.test", "c.test")}
    authority.issue("c", "c.test", "*.c.test")
    server.wait_for_stderr("now using the new certificate")
    assert serials("a.test") == before["a.test"]
    assert serials("c.test") != before["c.test"]
    assert curl(server, authority, f"https://c.test:{server.port}/same.txt") == ["ccccc"]
    # The one that handshakes begin with; names that it chooses by are still the same.
    authority.issue("ab", "a.test", "b.test")
    server.wait_for_stderr("now using the new certificate", count=2)
    assert serials("a.test") != before["a.test"]
    assert curl(server, authority, f"https://c.test:{server.port}/same.txt") == ["ccccc"]
    # Not for the names of its host: the old one stays.
    renewed = serials("c.test")
    authority.issue("c", "other.test")
    server.wait_for_stderr("c.pem does not cover c.test")
    assert serials("c.test") == renewed


def test_several_ports(folder: Path, authority: Authority) -> None:
    """Each with its hosts; the policy of one is not the other's."""
    ports = free_port(), free_port()
    tables = f"""
[[listen]]
port = {ports[0]}
address = ["127.0.0.1"]
no-tls = true
[[listen]]
port = {ports[1]}
address = ["127.0.0.1"]
hosts = ["c.test"]
verify-client = true
client-ca = "{authority.file}"
"""
    (folder / "hosts.toml").write_text(FILE.format(more="") + tables)
    issued = authority.ca.issue_cert("me@a.test")
    mine = folder / "me.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(mine))
    with running("--config", "hosts.toml", folder=folder) as server:
        assert server.urls == [
            f"https://127.0.0.1:{server.port}/",
            f"http://127.0.0.1:{ports[0]}/",
            f"https://127.0.0.1:{ports[1]}/",
        ]

        def ask(url: str, *words: str) -> list[str]:
            to = ["--connect-to", f"::127.0.0.1:{url.rpartition(':')[2].partition('/')[0]}"]
            return curl(server, authority, url, *to, *words, *STATUS)

        for name in ("a", "b", "c"):
            assert ask(f"http://{name}.test:{ports[0]}/same.txt")[0] == name * 5
        cert = ("--cert", str(mine))
        assert ask(f"https://c.test:{ports[1]}/same.txt", *cert)[0] == "ccccc"
        # A host of another port; its certificate is not even there.
        assert ask(f"https://a.test:{ports[1]}/same.txt", "-k", *cert)[-1] == "421"
        with pytest.raises(subprocess.CalledProcessError):
            ask(f"https://c.test:{ports[1]}/same.txt")
        assert ask(f"https://c.test:{server.port}/same.txt")[0] == "ccccc"


def test_one_extra_site_on_the_command_line(folder: Path) -> None:
    words = ("--no-tls", "-a", "127.0.0.1", "--host", "b.test=b", "--mount", "/docs=c")
    log = ("--access-log=-", "--log-format", "vhost")
    with running(*words, *log, "0", "a", folder=folder) as server:

        def ask(host: str, path: str = "/same.txt") -> str:
            url = f"http://127.0.0.1:{server.port}{path}"
            command = [require_tool("curl", package="curl"), "-sS", url, "-H", f"Host: {host}"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        assert ask("b.test") == "bbbbb"
        assert ask("B.test.:99") == "bbbbb"
        assert ask("whoever") == "aaaaa"
        assert ask("whoever", "/docs/same.txt") == "ccccc"
        assert "404" in ask("b.test", "/docs/same.txt")
        port = server.port
        wait_until(lambda: server.stdout().count("\n") == 5, "the log")
        assert [line.split()[0] for line in server.stdout().splitlines()] == [
            *[f"b.test:{port}"] * 2, *[f"whoever:{port}"] * 2, f"b.test:{port}",
        ]  # fmt: skip
