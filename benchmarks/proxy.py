"""``make bench ARGS=proxy``: h2static in front of nginx, beside nghttpx, Caddy and HAProxy.

Clients speak HTTP/2 in cleartext; behind each proxy is the same nginx, by HTTP/1.1 and by HTTP/2.
Small responses are loaded with h2load, large content with curl.  Every proxy has one worker and one
processor, nginx and the load share another one.  Proxies take turns, as often as there are rounds;
those that are not installed are left out.

    python -m benchmarks.compare proxy
    python -m benchmarks.proxy --rounds 1 --requests 2000 --proxies h2static,caddy
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load, peers
from tests.support.servers import free_port

#: Octets of the large file, and of what is sent.
LARGE = 100 * 1024 * 1024
#: Programs, and the Debian packages of those that are not ours.
PACKAGES = {"h2static": None, "nghttpx": "nghttp2-proxy", "caddy": "caddy", "haproxy": "haproxy"}
#: What is spoken behind a proxy.
BEHIND = ("h1", "h2c")

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; client_max_body_size 0; keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{h1}; listen 127.0.0.1:{h2c} http2; root {folder}/root;
    location /taken {{ proxy_pass http://127.0.0.1:{h1}/empty; }}
    location /empty {{ return 204; }}
  }}
}}
"""
_CADDY = """
{{
  admin off
  auto_https off
  servers {{
    protocols h1 h2c
  }}
}}
http://127.0.0.1:{port} {{
  reverse_proxy {scheme}127.0.0.1:{behind}
}}
"""
_HAPROXY = """
global
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend in
  bind 127.0.0.1:{port} proto h2
  default_backend out
backend out
  server one 127.0.0.1:{behind} {proto}
"""


@dataclass(slots=True, kw_only=True)
class Found:
    """What was measured of one proxy with one protocol behind it."""

    #: Requests per second and CPU µs for a request.
    small: list[load.Measurement]
    #: MB/s.
    down: list[float]
    up: list[float]


def command_of(name: str, behind: str, port: int, target: int, folder: Path) -> list[str]:
    """The command line of the proxy ``name`` at ``port`` before ``target``."""
    http2 = behind == "h2c"
    match name:
        case "h2static":
            scheme = "h2c" if http2 else "http"
            words = [sys.executable, "-m", "h2static", "--no-tls", "-a", "127.0.0.1", "--proxy"]
            return [*words, f"/={scheme}://127.0.0.1:{target}", str(port)]
        case "nghttpx":
            back = f"-b127.0.0.1,{target}" + (";;proto=h2" if http2 else "")
            words = ["nghttpx", f"-f127.0.0.1,{port};no-tls", back, "-n1", "--no-ocsp"]
            return [*words, "--errorlog-file=/dev/null", "--workers=1"]
        case "caddy":
            file = folder / "Caddyfile"
            scheme = "h2c://" if http2 else ""
            file.write_text(_CADDY.format(port=port, behind=target, scheme=scheme))
            return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]
        case "haproxy":
            file = folder / "haproxy.cfg"
            proto = "proto h2" if http2 else ""
            file.write_text(_HAPROXY.format(port=port, behind=target, proto=proto))
            return ["haproxy", "-f", str(file), "-db"]
        case _:
            raise ValueError(f"no such proxy: {name}")


@contextmanager
def started(
    name: str, command: Callable[[int], list[str]], folder: Path, processor: int | None
) -> Iterator[tuple[int, int]]:
    """Run ``command`` of a port: its process id and the port."""
    alone = {"GOMAXPROCS": "1"}
    with peers.started(name, command, folder, processor, environment=alone) as (process, port):
        peers.await_rest(process.pid)
        yield process.pid, port


_REPORT = re.compile(r"([\d.]+) req/s")


def small(requests: int, pid: int, port: int, processor: int | None) -> load.Measurement | None:
    """Run h2load once; ``None``: not every request was answered."""
    words = ["h2load", "-n", str(requests), "-c10", "-m32", f"http://127.0.0.1:{port}/1k"]
    before = peers.cpu_seconds(pid)
    with peers.pinned(processor):
        ended = subprocess.run(
            words, capture_output=True, text=True, timeout=load.RUN_LIMIT, check=False
        )
    cpu = peers.cpu_seconds(pid) - before
    rate = _REPORT.search(ended.stdout)
    if rate is None or f"{requests} 2xx" not in ended.stdout:
        return None
    return load.Measurement(rate=float(rate[1]), cpu=cpu / requests * 1e6)


def large(port: int, folder: Path, processor: int | None, *, up: bool) -> float | None:
    """MB/s of one large file through the proxy; ``None``: it has failed."""
    url = f"http://127.0.0.1:{port}/"
    words = ["curl", "-s", "--http2-prior-knowledge", "--max-time", "120", "-o", "/dev/null"]
    words += ["-w", "%{http_code}"]
    words += ["-T", str(folder / "root/large"), f"{url}taken"] if up else [f"{url}large"]
    before = time.monotonic()
    with peers.pinned(processor):
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - before
    return LARGE / seconds / 1e6 if ended.stdout in ("200", "204") else None


def measure(
    names: Sequence[str], rounds: int, requests: int, folder: Path
) -> dict[tuple[str, str], Found]:
    """Measure every proxy with every protocol behind it."""
    proxy_processor, other = peers.processors()
    ports = {"h1": free_port(), "h2c": free_port()}
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, **ports))
    found: dict[tuple[str, str], Found] = {}
    with ExitStack() as stack:
        with peers.pinned(other):
            words = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
            words += ["-e", str(folder / "early.log")]
            nginx = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        stack.callback(nginx.wait, peers.PATIENCE)
        stack.callback(nginx.terminate)
        peers.await_port(nginx, ports["h1"], folder / "nginx.log")
        for _ in range(rounds):
            for name in names:
                for behind in BEHIND:
                    one = found.setdefault((name, behind), Found(small=[], down=[], up=[]))

                    def command(port: int, name: str = name, behind: str = behind) -> list[str]:
                        return command_of(name, behind, port, ports[behind], folder)

                    with started(name, command, folder, proxy_processor) as (pid, port):
                        small(min(requests, 2_000), pid, port, other)
                        run = small(requests, pid, port, other)
                        if run is not None:
                            one.small.append(run)
                        for up, into in ((False, one.down), (True, one.up)):
                            rate = large(port, folder, other, up=up)
                            if rate is not None:
                                into.append(rate)
    return found


def table(found: dict[tuple[str, str], Found]) -> str:
    """The medians in Markdown; empty where requests were lost."""
    lines = ["| | 1 KiB: req/s (CPU µs) | 100 MiB down: MB/s | up: MB/s |", "|---|---:|---:|---:|"]
    for (name, behind), one in found.items():
        cells = [f"{name}, {behind} behind", "", "", ""]
        if one.small:
            rate = statistics.median(run.rate for run in one.small)
            cpu = statistics.median(run.cpu for run in one.small)
            cells[1] = f"{rate:,.0f} ({cpu:.1f})"
        for place, rates in ((2, one.down), (3, one.up)):
            if rates:
                cells[place] = f"{statistics.median(rates):,.0f}"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Measure, and print a table; exit code 1 when a program is missing."""
    parser = argparse.ArgumentParser(prog="benchmarks.proxy", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=40_000)
    parser.add_argument("--proxies", default=",".join(PACKAGES), help="default: %(default)s")
    options = parser.parse_args(argv)
    names = options.proxies.split(",")
    lacking = peers.missing_clients()
    if shutil.which("nginx") is None:
        lacking.append("nginx is missing: apt-get install nginx")
    if lacking or not set(names) <= PACKAGES.keys():
        print("\n".join(lacking) or f"proxies: {', '.join(PACKAGES)}", file=sys.stderr)
        return 1
    for name in list(names):
        package = PACKAGES[name]
        if package is not None and shutil.which(name) is None:
            print(f"left out: {name} is missing: apt-get install {package}", file=sys.stderr)
            names.remove(name)
    with tempfile.TemporaryDirectory(prefix="h2static-proxy-") as place:
        folder = Path(place)
        # nginx drops its privileges when root starts it: others must be able to read.
        folder.chmod(0o755)
        (folder / "root").mkdir()
        (folder / "body").mkdir(mode=0o777)
        (folder / "root" / "1k").write_bytes(b"x" * 1024)
        with (folder / "root" / "large").open("wb") as file:
            file.truncate(LARGE)
        found = measure(names, options.rounds, options.requests, folder)
    print(f"{os.uname().machine}; one worker, one processor; medians\n")
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
