"""Several upstreams, their health, and the ways to reach one."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest

from h2static.config import LogFormat
from h2static.http2.frames import RstStream
from h2static.http2.registry import ErrorCode
from h2static.logs.access import AccessLog
from h2static.proxy.config import HealthCheck, Policy
from h2static.proxy.limits import ProxyLimits
from tests.proxy.conftest import MakeFront
from tests.proxy.fronts import HOST, Front2
from tests.proxy.test_websockets import Socket, echo1
from tests.support.certificates import Certificate, make_certificate
from tests.support.fake_server import Visitor
from tests.support.processes import DEADLINE, wait_until
from tests.support.proxying import (
    Asked,
    backend1,
    backend2,
    proxying,
    say_octets,
    say_ok,
    say_ok2,
    to,
)
from tests.support.servers import free_port

# ---------------------------------------------------------------------- several


def test_in_turn(front: MakeFront) -> None:
    with (
        backend1() as first,
        backend1() as second,
        proxying(to("/a", first.target, second.target)) as proxy,
    ):
        client = front(proxy.port)
        for _ in range(6):
            assert client.ask().status == 200
        assert (len(first.asked), len(second.asked)) == (3, 3)


def test_the_one_with_the_fewest_requests(front: MakeFront) -> None:
    release = threading.Event()

    def hold(visitor: Visitor, asked: Asked) -> bool:
        release.wait(DEADLINE)
        return say_ok(visitor, asked)

    with (
        backend1(hold) as slow,
        backend1() as fast,
        proxying(to("/a", slow.target, fast.target, policy=Policy.LEAST_CONNECTIONS)) as proxy,
    ):
        waiting = front(proxy.port)
        waiting.send()
        slow.one()
        client = front(proxy.port)
        for _ in range(4):
            assert client.ask().status == 200
        assert (len(slow.asked), len(fast.asked)) == (1, 4)
        release.set()
        assert waiting.read().status == 200


def test_one_that_is_down_is_passed_over(front: MakeFront) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    with backend1() as up, proxying(to("/a", down, up.target)) as proxy:
        client = front(proxy.port)
        for number in range(6):
            got = client.ask(method=b"POST", body=b"%d" % number)
            assert (got.status, got.body) == (200, b"ok")
        assert [one.body for one in up.asked] == [b"%d" % number for number in range(6)]
        # It was asked once, and is left alone for a while.
        assert proxy.proxies[0].upstreams[0].is_down()


@pytest.mark.parametrize(("method", "status"), [(b"GET", 200), (b"DELETE", 200), (b"POST", 502)])
def test_one_that_breaks_off_is_not_asked_again(
    front: MakeFront, method: bytes, status: int
) -> None:
    """Even on a new connection, as where a listener is closed with connections in its queue."""
    with (
        backend1(say_octets(b"")) as broken,
        backend1() as up,
        proxying(to("/a", broken.target, up.target)) as proxy,
    ):
        got = front(proxy.port).ask(method=method, body=b"x" if method == b"POST" else None)
        assert got.status == status
        assert len(broken.asked) == 1
        assert len(up.asked) == (1 if status == 200 else 0)
        assert proxy.proxies[0].upstreams[0].is_down()


def test_one_that_is_down_is_not_asked_in_place_of_one_that_refuses(front: MakeFront) -> None:
    """Its attempt would be lost, and where nothing answers, the time to connect, too."""
    count = 0

    def refuse_second(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        nonlocal count
        count += 1
        if count == 2:
            visitor.send(RstStream(stream_id=stream_id, code=ErrorCode.REFUSED_STREAM))
        else:
            say_ok2(visitor, asked, stream_id)

    down = f"http://127.0.0.1:{free_port()}"
    limits = ProxyLimits(attempts=2)
    with (
        backend2(refuse_second) as up,
        proxying(to("/a", down, up.target), limits=limits) as proxy,
    ):
        client = front(proxy.port)
        assert client.ask().status == 200
        assert proxy.proxies[0].upstreams[0].is_down()
        assert client.ask().status == 200
        assert count == 3


def test_all_of_them_break_off(front: MakeFront) -> None:
    with (
        backend1(say_octets(b"")) as first,
        backend1(say_octets(b"")) as second,
        proxying(to("/a", first.target, second.target)) as proxy,
    ):
        assert front(proxy.port).ask().status == 502
        # Never more often than the limit says.
        assert len(first.asked) + len(second.asked) == ProxyLimits().attempts


def test_a_response_that_breaks_off_is_not_asked_for_again(front: MakeFront) -> None:
    """Its head may have told something already."""
    with (
        backend1(say_octets(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")) as broken,
        backend1() as up,
        proxying(to("/a", broken.target, up.target)) as proxy,
    ):
        assert front(proxy.port).ask().status == 502
        assert (len(broken.asked), len(up.asked)) == (1, 0)


def test_when_all_are_down_one_is_asked_all_the_same(front: MakeFront) -> None:
    port = free_port()
    with proxying(to("/a", f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}")) as proxy:
        client = front(proxy.port)
        assert client.ask().status == 502
        assert client.ask().status == 502
        with socket.create_server(("127.0.0.1", port)) as listener:
            thread = threading.Thread(target=_serve_once, args=(listener,))
            thread.start()
            assert client.ask().status == 200
            thread.join(DEADLINE)


def _serve_once(listener: socket.socket) -> None:
    sock, _ = listener.accept()
    with sock:
        say_ok(Visitor(sock), Asked(method=b"GET", path=b"", authority=b"", fields=[]))
        with contextlib.suppress(OSError):
            sock.recv(65_536)


def test_a_single_upstream_that_comes_back(front: MakeFront) -> None:
    port = free_port()
    with proxying(to("/a", f"http://127.0.0.1:{port}")) as proxy:
        client = front(proxy.port)
        assert client.ask().status == 502
        with socket.create_server(("127.0.0.1", port)) as listener:
            thread = threading.Thread(target=_serve_once, args=(listener,))
            thread.start()
            assert client.ask().status == 200
            thread.join(DEADLINE)


def test_health_checks(front: MakeFront) -> None:
    well = threading.Event()

    def answer(visitor: Visitor, asked: Asked) -> bool:
        if asked.path != b"/health?x":
            return say_ok(visitor, asked)
        status = b"204 No Content" if well.is_set() else b"500 Internal Server Error"
        visitor.send(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
        return True

    check = HealthCheck(path="/health?x", interval=0.1, timeout=DEADLINE)
    with backend1(answer) as behind, proxying(to("/a", behind.target, health=check)) as proxy:
        proxy.wait_for_error("the health check returned 500")
        assert front(proxy.port).ask().status == 503
        proxy.wait_for_error("no healthy upstream")
        well.set()
        proxy.wait_for_error("is healthy again")
        assert front(proxy.port).ask().status == 200


# ---------------------------------------------------------------------- ways to reach one


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def authority(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    certificate.authority.cert_pem.write_to_path(str(path))
    return str(path)


def context_of(certificate: Certificate, *protocols: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


@pytest.mark.parametrize("protocol", ["h2", "http/1.1", ""])
def test_tls(front: MakeFront, certificate: Certificate, authority: str, protocol: str) -> None:
    context = context_of(certificate, *filter(None, [protocol]))
    make = backend2(context=context) if protocol == "h2" else backend1(context=context)
    with make as behind, proxying(to("/a", behind.target, ca=authority)) as proxy:
        client = front(proxy.port)
        for size in (0, 100_000):
            got = client.ask(method=b"POST", body=b"x" * size)
            assert (got.status, got.body) == (200, b"ok")
            asked = behind.asked[-1]
            assert len(asked.body) == size
            # Its certificate has its own name.
            assert asked.authority == behind.target.partition("://")[2].encode()
            assert asked.get(b"x-forwarded-host") == HOST
        assert len(behind.connections) == 1


def test_many_wait_for_the_first_tls_connection(certificate: Certificate, authority: str) -> None:
    """What it speaks is known only then."""
    with (
        backend1(context=context_of(certificate)) as behind,
        proxying(to("/a", behind.target, ca=authority)) as proxy,
    ):
        client = Front2(proxy.port)
        for _ in range(10):
            client.send()
        assert [client.peer.reply(1 + 2 * n).status for n in range(10)] == [200] * 10
        client.close()


def test_a_certificate_that_is_not_trusted(front: MakeFront, certificate: Certificate) -> None:
    with (
        backend1(context=context_of(certificate)) as behind,
        proxying(to("/a", behind.target), to("/b", behind.target, secure=False)) as proxy,
    ):
        client = front(proxy.port)
        assert client.ask(b"/a").status == 502
        proxy.wait_for_error("the certificate is not trusted")
        assert client.ask(b"/b").status == 200


def test_tls_that_ends_without_saying_so(
    front: MakeFront, certificate: Certificate, authority: str
) -> None:
    """A response that ends with its connection may have been cut off by anybody."""

    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        if asked.path == b"/a/clean":
            assert isinstance(visitor.socket, ssl.SSLSocket)
            with contextlib.suppress(OSError):
                visitor.socket.unwrap()
        else:
            visitor.socket.shutdown(socket.SHUT_RDWR)
        return False

    with (
        backend1(answer, context=context_of(certificate)) as behind,
        proxying(to("/a", behind.target, ca=authority)) as proxy,
    ):
        got = front(proxy.port).ask(b"/a/clean")
        assert (got.status, got.body, got.broken) == (200, b"abc", False)
        got = front(proxy.port).ask(b"/a/cut")
        assert got.broken or got.status == 502


@pytest.mark.parametrize("protocols", [("http/1.1",), ("h2", "http/1.1")])
def test_websockets_over_tls(
    front: MakeFront, certificate: Certificate, authority: str, protocols: tuple[str, ...]
) -> None:
    """Where HTTP/2 would do for requests, an Upgrade has a connection of HTTP/1.1 for itself."""
    with (
        backend1(echo1, context=context_of(certificate, *protocols)) as behind,
        proxying(to("/a", behind.target, ca=authority)) as proxy,
    ):
        one = Socket(front(proxy.port))
        one.granted()
        assert one.read(2) == b"hi"
        one.send(b"q")
        assert one.read(3) == b"bye"


def test_a_unix_domain_socket(front: MakeFront, tmp_path: Path) -> None:
    path = tmp_path / "up.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_serve_once, args=(listener,))
        thread.start()
        with proxying(to("/a", f"unix:{path}")) as proxy:
            got = front(proxy.port).ask()
            assert (got.status, got.body) == (200, b"ok")
        thread.join(DEADLINE)


# ---------------------------------------------------------------------- what people see


@pytest.mark.parametrize(("form", "text"), [
    (LogFormat.BRIEF, "502"), (LogFormat.JSON, '"upstream":"127.0.0.1:'),
])  # fmt: skip
def test_the_log_names_the_upstream(
    front: MakeFront, tmp_path: Path, form: LogFormat, text: str
) -> None:
    path = tmp_path / "log"
    log = AccessLog(str(path), form)
    port = free_port()
    with (
        backend1() as behind,
        proxying(
            to("/a", behind.target), to("/b", f"http://127.0.0.1:{port}"), access_log=log
        ) as proxy,
    ):
        client = front(proxy.port)
        client.ask(b"/a")
        client.ask(b"/b")
        wait_until(lambda: path.read_text().count("\n") == 2, "two lines")
        first, second = path.read_text().splitlines()
        assert f"127.0.0.1:{behind.server.port}" in first
        assert f"127.0.0.1:{port}" in second
        assert text in second
    log.close()


def test_the_page_for_an_upstream_that_is_down(front: MakeFront) -> None:
    port = free_port()
    with proxying(to("/a", f"http://127.0.0.1:{port}"), dev=True) as proxy:
        client = front(proxy.port)
        got = client.ask(fields=[(b"accept", b"text/html,*/*")])
        assert got.status == 502
        assert f"<code>127.0.0.1:{port}</code>".encode() in got.body
        assert b"Connection refused" in got.body
        # The browser asks again until it is there.
        assert got.get(b"refresh") == b"1"
        got = client.ask(method=b"POST", body=b"x", fields=[(b"accept", b"*/*")])
        assert got.status == 502
        assert got.get(b"refresh") is None
        assert got.body.startswith(f"502 Bad Gateway: 127.0.0.1:{port}: ".encode())


# ---------------------------------------------------------------------- limits


def test_no_more_connections_than_allowed() -> None:
    most = 0
    open_now = 0
    lock = threading.Lock()

    def answer(visitor: Visitor, asked: Asked) -> bool:
        nonlocal most, open_now
        with lock:
            open_now += 1
            most = max(most, open_now)
        say_ok(visitor, asked)
        with lock:
            open_now -= 1
        return True

    limits = ProxyLimits(connections=3)
    with backend1(answer) as behind, proxying(to("/a", behind.target), limits=limits) as proxy:
        client = Front2(proxy.port)
        for _ in range(40):
            client.send()
        assert [client.peer.reply(1 + 2 * n).status for n in range(40)] == [200] * 40
        client.close()
        assert len(behind.connections) <= 3
        assert most <= 3


def test_no_more_idle_connections_than_allowed() -> None:
    gate = threading.Barrier(6)

    def answer(visitor: Visitor, asked: Asked) -> bool:
        gate.wait(DEADLINE)
        return say_ok(visitor, asked)

    limits = ProxyLimits(idle=2, idle_seconds=60)
    with backend1(answer) as behind, proxying(to("/a", behind.target), limits=limits) as proxy:
        client = Front2(proxy.port)
        for _ in range(6):
            client.send()
        assert [client.peer.reply(1 + 2 * n).status for n in range(6)] == [200] * 6
        client.close()
        wait_until(lambda: len(proxy.links()) == 2, "the others to be closed")


def test_informational_responses_have_a_limit(front: MakeFront) -> None:
    octets = (
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 4 + b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    )
    for most, status in ((3, 502), (4, 200)):
        limits = ProxyLimits(informational=most)
        with (
            backend1(say_octets(octets)) as behind,
            proxying(to("/a", behind.target), limits=limits) as proxy,
        ):
            assert front(proxy.port).ask().status == status
