"""A server inside a test suite, with a client that is not ours."""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest
from anyio.from_thread import start_blocking_portal

import h2static
from h2static import Config, SiteConfig, StartError, serve
from tests.support.certificates import Certificate, make_certificate
from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, wait_until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def site(tmp_path: Path) -> SiteConfig:
    (tmp_path / "index.html").write_text("<!doctype html><title>t</title>")
    (tmp_path / "large").write_bytes(bytes(3_000_000))
    return SiteConfig(root=str(tmp_path))


def config(site: SiteConfig, **values: object) -> Config:
    settings = {"port": 0, "no_tls": True, "addresses": ("127.0.0.1",), "site": site, **values}
    return Config(**settings)  # type: ignore[arg-type]


async def test_a_client_in_the_same_loop(site: SiteConfig) -> None:
    async with serve(config(site)) as server:
        assert server.urls == (f"http://127.0.0.1:{server.port}/",)
        assert server.addresses == (("127.0.0.1", server.port),)
        async with httpx.AsyncClient(
            http1=False, http2=True, base_url=server.urls[0], timeout=DEADLINE
        ) as client:
            page, large = await client.get("/"), await client.get("/large")
            missing = await client.get("/none")
        assert (page.status_code, page.http_version) == (200, "HTTP/2")
        assert page.text == "<!doctype html><title>t</title>"
        assert large.content == bytes(3_000_000)
        assert missing.status_code == 404
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


async def test_tls(site: SiteConfig, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    values = {"no_tls": False, "key_file": str(certificate.key), "cert_file": str(certificate.cert)}
    async with serve(config(site, **values)) as server:
        assert server.urls == (f"https://127.0.0.1:{server.port}/",)
        context: ssl.SSLContext = certificate.client_context()
        async with httpx.AsyncClient(http2=True, verify=context, timeout=DEADLINE) as client:
            page = await client.get(server.urls[0])
        assert (page.status_code, page.http_version) == (200, "HTTP/2")


def test_a_fixture_without_an_event_loop(site: SiteConfig) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve(config(site))) as server,
        httpx.Client(http1=False, http2=True, timeout=DEADLINE) as client,
    ):
        assert client.get(server.urls[0]).status_code == 200


async def test_what_is_under_way_is_finished(site: SiteConfig) -> None:
    # Not httpx: its HTTP/2 takes GOAWAY for the end of everything.
    async with serve(config(site)) as server:
        client = PoliteClient(server.port, "/large", concurrency=10, requests=10)
        client.start()
        with anyio.fail_after(DEADLINE):
            while not client.tally.statuses:  # noqa: ASYNC110 -- a thread sets it
                await anyio.sleep(0.001)
    tally = await anyio.to_thread.run_sync(client.join)
    assert (tally.answered, tally.lost, tally.problems) == (10, 0, [])


async def test_an_error_in_the_block_comes_out_as_it_is(site: SiteConfig) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with serve(config(site)) as server:
            raise KeyError("mine")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


async def test_grace_bounds_the_end(site: SiteConfig) -> None:
    """A client that reads nothing does not keep the block from ending."""
    client = PoliteClient(0, "/large")
    with socket.socket() as sock:
        with anyio.fail_after(DEADLINE):
            async with serve(config(site, grace=0.2)) as server:
                await anyio.to_thread.run_sync(sock.connect, ("127.0.0.1", server.port))
                sock.sendall(PREFACE + client.first_request())
                await anyio.wait_readable(sock)


async def test_what_cannot_be_served(site: SiteConfig) -> None:
    with pytest.raises(StartError, match="is not a folder"):
        async with serve(config(SiteConfig(root=site.root + "/none"))):
            pass
    async with serve(config(site)) as server:
        with pytest.raises(StartError, match="Address already in use"):
            async with serve(config(site, port=server.port)):
                pass


async def test_a_new_certificate_is_taken_up_without_a_word_from_anybody(
    site: SiteConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    old, new = make_certificate(folder), make_certificate(folder, "new")
    old.key.chmod(0o644)
    log = tmp_path / "log"
    values = {"key_file": str(old.key), "cert_file": str(old.cert), "error_log": str(log)}
    async with serve(config(site, no_tls=False, **values)) as server:
        assert f"the private key is world-readable: {old.key}" in log.read_text()
        await anyio.to_thread.run_sync(lambda: handshake(server.port, old))
        new.cert.rename(old.cert)
        new.key.rename(old.key)
        renewed = "now using the new certificate"
        await anyio.to_thread.run_sync(
            lambda: wait_until(lambda: renewed in log.read_text(), "the renewal")
        )
        await anyio.to_thread.run_sync(lambda: handshake(server.port, new))


def handshake(port: int, certificate: Certificate) -> None:
    """Connect, and accept nothing but ``certificate``."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
        certificate.client_context("h2").wrap_socket(sock, server_hostname="127.0.0.1").close()


async def test_tls_needs_a_certificate(site: SiteConfig) -> None:
    with pytest.raises(ValueError, match="requires key_file and cert_file"):
        async with serve(config(site, no_tls=False)):
            pass


@pytest.mark.parametrize(
    ("name", "value"),
    [("padding", 257), ("window_bits", 31), ("workers", 0), ("port", -1), ("grace", -0.5)],
)
def test_numbers_out_of_range(site: SiteConfig, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}: {value} is not between"):
        config(site, **{name: value})


@pytest.mark.parametrize(
    "values", [{"workers": 2}, {"daemon": True, "ready_fd": 1}, {"pid_file": "x"}, {"ready_fd": 1}]
)
async def test_what_only_a_process_can_have(site: SiteConfig, values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="with the command only"):
        async with serve(config(site, **values)):
            pass


def test_public_names() -> None:
    for name in h2static.__all__:
        assert getattr(h2static, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        h2static.nothing  # noqa: B018


async def test_a_fault_that_an_edit_brings_is_reported_once(site: SiteConfig) -> None:
    root = Path(site.root)
    (root / "_redirects").write_text("/a /b 301\n")
    log = root.parent / f"{root.name}.log"
    settings = config(SiteConfig(root=site.root, netlify=True), error_log=str(log))
    async with (
        serve(settings) as server,
        httpx.AsyncClient(
            http1=False, http2=True, base_url=server.urls[0], timeout=DEADLINE
        ) as client,
    ):
        (root / "_redirects").write_text("/a /b 999\n")
        with anyio.fail_after(DEADLINE):
            while b"\n" not in log.read_bytes():
                assert (await client.get("/a")).status_code == 301
                await anyio.sleep(0.1)
    line = log.read_text()
    assert " [site] _redirects:1: '999' is not a status" in line
    assert line.count("\n") == 1


async def test_siblings_that_are_not_sent_are_reported(site: SiteConfig) -> None:
    root = Path(site.root)
    for number in range(3):
        (root / f"{number}.js").write_text("original")
        packed = root / f"{number}.js.br"
        packed.write_text("packed")
        os.utime(packed, (1_000_000_000, 1_000_000_000))
    log = root.parent / f"{root.name}.log"
    async with (
        serve(config(site, error_log=str(log))) as server,
        httpx.AsyncClient(
            http1=False, http2=True, base_url=server.urls[0], timeout=DEADLINE
        ) as client,
    ):
        with anyio.fail_after(DEADLINE):
            while b"\n" not in log.read_bytes():
                assert (await client.get("/")).status_code == 200
                await anyio.sleep(0.1)
    line = log.read_text()
    assert (
        " [site] 3 precompressed files are older than the original and therefore not sent" in line
    )
    assert line.count("\n") == 1
