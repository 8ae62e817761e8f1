"""Two instances behind HAProxy are replaced one after the other, and no request is lost.

The configurations are those in ``deploy/``, with other addresses, ports and files.  Clients come
from 127.0.0.2 and 127.0.0.3 and HAProxy from 127.0.0.1, so that the access logs show whether the
PROXY header was read.
"""

from __future__ import annotations

import collections
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.certificates import Certificate, make_certificate
from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, RunningServer, accepts, running, wait_until
from tests.support.servers import free_port
from tests.support.tools import require_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="has one loopback address only")

DEPLOY = Path(__file__).parents[2] / "deploy"
PROXY = "127.0.0.1"
CLIENTS = ("127.0.0.2", "127.0.0.3")
NAMES = ("one", "two")
#: Where ``deploy/`` has the instances.
ADDRESSES = {"one": "172.30.0.11", "two": "172.30.0.12"}


@dataclass(slots=True, kw_only=True)
class Instance:
    """One place behind the proxy, and the process that is there now."""

    name: str
    port: int
    words: tuple[str, ...]
    log: Path
    server: RunningServer | None = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self) -> None:
        """Put a process there."""
        logging = (f"--access-log={self.log}", "--log-format", "json")
        self.server = self._stack.enter_context(
            running(*self.words, "-a", PROXY, *logging, str(self.port))
        )

    def stop(self) -> None:
        """End the process as an operator does, and wait until it has gone."""
        assert self.server is not None
        self.server.signal(signal.SIGTERM)
        assert self.server.wait() == 0
        assert "[connection]" not in self.server.stderr()

    def close(self) -> None:
        """End whatever is there."""
        self._stack.close()


@dataclass(slots=True, kw_only=True)
class Front:
    """HAProxy with two instances behind it."""

    port: int
    output: Path
    instances: list[Instance]

    def wait_for(self, instance: Instance, state: str) -> None:
        """Wait until HAProxy has said that ``instance`` is UP or DOWN."""
        text = f"Server h2static/{instance.name} is {state}"
        wait_until(lambda: text in self.output.read_text(), text)


def instance_words(way: str, site: Path, certificate: Certificate) -> tuple[str, ...]:
    """What an instance is started with: the configuration of ``deploy/``, or its words for TLS."""
    if way == "terminate":
        # The command line wins: other folder, other proxy.
        place = ("--config", str(DEPLOY / "h2static.toml"), "--trusted-proxy", PROXY)
        return (*place, "--drain-delay", "3", "-d", str(site))
    health = ("--health", "/health", "--drain-delay", "3", "--trusted-proxy", PROXY)
    keys = site.parent / "instance.toml"
    keys.write_text(f'key = "{certificate.key}"\ncert = "{certificate.cert}"\n')
    return ("--config", str(keys), *health, "--quiet", "-d", str(site))


@contextlib.contextmanager
def deployed(folder: Path, way: str, certificate: Certificate) -> Iterator[Front]:
    """HAProxy with the configuration ``way`` of ``deploy/haproxy``, and two instances."""
    program = require_tool("haproxy", package="haproxy")
    site = folder / "www"
    site.mkdir()
    (site / "index.html").write_bytes(b"<!doctype html>" + b"x" * 20_000)
    words = instance_words(way, site, certificate)
    instances = [
        Instance(name=name, port=free_port(), words=words, log=folder / f"{name}.log")
        for name in NAMES
    ]
    port = free_port()
    text = (DEPLOY / "haproxy" / f"{way}.cfg").read_text()
    pem = folder / "site.pem"
    pem.write_bytes(certificate.cert.read_bytes() + certificate.key.read_bytes())
    changes = {"bind :8443": f"bind {PROXY}:{port}"}
    if way == "terminate":
        changes["/etc/haproxy/certs/site.pem"] = str(pem)
    inner = 8080 if way == "terminate" else 8443
    for instance in instances:
        changes[f"{ADDRESSES[instance.name]}:{inner}"] = f"{PROXY}:{instance.port}"
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    configuration = folder / "haproxy.cfg"
    configuration.write_text(text)
    with contextlib.ExitStack() as stack:
        for instance in instances:
            stack.callback(instance.close)
            instance.start()
        output = folder / "haproxy.log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                [program, "-db", "-f", str(configuration)], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            wait_until(lambda: accepts(PROXY, port), "HAProxy to listen")
            yield Front(port=port, output=output, instances=instances)
        finally:
            process.kill()
            process.wait(DEADLINE)


def logged(instances: list[Instance]) -> tuple[collections.Counter[str], set[str], set[str]]:
    """How often each client asked for the page; in which protocols, and by which schemes."""
    lines = [
        json.loads(line) for instance in instances for line in instance.log.read_text().splitlines()
    ]
    pages = [line for line in lines if line["path"] == "/"]
    return (
        collections.Counter(line["peer"] for line in pages),
        {line["protocol"] for line in pages},
        {line["scheme"] for line in pages},
    )


def wait_for_answers(clients: list[PoliteClient]) -> None:
    """Wait until each client has more answers than now."""
    wanted = [client.tally.answered + 10 for client in clients]
    wait_until(
        lambda: all(
            client.tally.answered > count for client, count in zip(clients, wanted, strict=True)
        ),
        "every client is served",
    )


@pytest.mark.slow
@pytest.mark.parametrize("way", ["terminate", "passthrough"])
def test_instances_are_replaced_and_no_request_is_lost(tmp_path: Path, way: str) -> None:
    certificate = make_certificate(tmp_path)
    with deployed(tmp_path, way, certificate) as front:
        clients = [
            PoliteClient(
                front.port, "/", concurrency=4, tls=certificate.client_context("h2"), source=source
            )
            for source in CLIENTS * 2
        ]
        for client in clients:
            client.start()
        try:
            for instance in front.instances:
                instance.stop()
                front.wait_for(instance, "DOWN")
                instance.start()
                front.wait_for(instance, "UP")
                wait_for_answers(clients)
        finally:
            tallies = [client.stop() for client in clients]
        for instance in front.instances:
            instance.stop()
    for tally in tallies:
        assert (tally.lost, tally.refused, tally.problems) == (0, 0, [])
        assert tally.statuses == {"200"}
    asked, protocols, schemes = logged(front.instances)
    answered: collections.Counter[str] = collections.Counter()
    for source, tally in zip(CLIENTS * 2, tallies, strict=True):
        answered[source] += tally.answered
    assert asked == answered
    assert (protocols, schemes) == ({"HTTP/2.0"}, {"https"})
