"""h2static beside dev and preview servers of others: every cell of the table is tried.

    python -m benchmarks.dev_servers [--tools FOLDER] [SERVER ...]

A small project with React is built by Vite and served by each of them; curl, a WebSocket and
headless Chromium are the clients.  What a server has no option for is told as such only when its
help was searched for the words and has none; what could not be tried says why.  Prints Markdown.

Reloads are the documents that Chromium is answered, and times its own clock, which is that of
``time.monotonic``: nothing polls while a time is taken.
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
from contextlib import contextmanager
from pathlib import Path

from benchmarks import dev_server_browser as browsers
from benchmarks import dev_server_upstream as upstream
from benchmarks.dev_server_peers import (
    PACKAGES,
    PASSWORD,
    USER,
    Command,
    DevServer,
    Place,
    install,
    servers,
    write_project,
)
from benchmarks.peers import PeerFailed, started
from tests.support.servers import free_port

#: Saves of which the median is told, rebuilds, and starts.
SAVES, REBUILDS, STARTS = 15, 3, 5
#: Seconds for a build, and for a page that does not reload.
PATIENCE, NO_RELOAD = 60.0, 8.0
NO = "no"
ROWS = (
    "version",
    "HTTP/2",
    "HTTPS that browsers trust, by one command",
    "F5 on `/deep/route` of the page",
    "a script that is missing",
    "the bundle on the wire",
    "of which Chromium gets",
    "304 by ETag",
    "ranges",
    "reloads for one rebuild of Vite",
    "style sheet without a reload",
    "from saving to the new page, median",
    "proxy beside the folder",
    "WebSocket through it, in Chromium",
    "basic authentication",
    "QR code for the telephone",
    "start until the first answer, median",
    "installed",
)


@contextmanager
def serving(server: DevServer, command: Command, place: Place) -> Iterator[int]:
    """The port of a server, as long as the block lasts."""
    environment = {
        "HOME": str(place.home),
        "XDG_DATA_HOME": str(place.home / ".local" / "share"),
        "UPSTREAM": f"http://127.0.0.1:{place.upstream}" if command is server.proxy else "",
    }
    with started(
        server.name.replace(" ", "-"),
        lambda port: command(port, place),
        place.project,
        environment=environment,
    ) as (_, port):
        yield port


def url(server: DevServer, port: int, path: str = "/", *, tls: bool | None = None) -> str:
    scheme = "https" if (server.tls if tls is None else tls) else "http"
    return f"{scheme}://localhost:{port}{path}"


def curl(address: str, *words: str) -> tuple[dict[str, str], str]:
    """The fields of an answer with its ``:status``, ``:version`` and ``:size``; its body."""
    form = "\n%{http_code} %{http_version} %{size_download}"
    # Without TLS "--http2" asks for an upgrade, which servers may pass on.
    protocol = "--http2" if address.startswith("https:") else "--http1.1"
    done = subprocess.run(
        ["curl", "-sk", protocol, "-m", "20", "-D", "-", "-w", form, *words, address],
        capture_output=True,
        check=False,
    )
    text = done.stdout.decode(errors="replace")
    head, _, rest = text.partition("\r\n\r\n")
    body, _, told = rest.rpartition("\n")
    fields = {
        name.lower(): value.strip()
        for name, colon, value in (line.partition(":") for line in head.split("\r\n")[1:])
        if colon
    }
    status, version, size = told.split() if done.returncode == 0 else ("0", "0", "0")
    return {**fields, ":status": status, ":version": version, ":size": size}, body


# ---------------------------------------------------------------- without a browser


def semantics(server: DevServer, place: Place) -> dict[str, str]:
    """What curl is answered."""
    found = {}
    bundle = next((place.project / "dist" / "assets").glob("*.js"))
    path = f"/assets/{bundle.name}"
    with serving(server, server.plain, place) as port:
        fields, _ = curl(url(server, port))
        found["HTTP/2"] = "yes" if fields[":version"] == "2" else NO
        fields, body = curl(url(server, port, "/deep/route"), "-H", "accept: text/html")
        is_page = "id=root" in body or 'id="root"' in body
        found["F5 on `/deep/route` of the page"] = (
            f"{fields[':status']}, {'the page' if is_page else 'another page'}"
        )
        fields, body = curl(url(server, port, "/assets/none.js"), "-H", "accept: */*")
        kind = fields.get("content-type", "").partition(";")[0]
        found["a script that is missing"] = f"{fields[':status']} {kind}".strip()
        sizes = []
        for coding in ("br", "zstd", "gzip"):
            fields, _ = curl(url(server, port, path), "-H", f"accept-encoding: {coding}")
            if fields.get("content-encoding") == coding:
                sizes.append(f"{coding} {int(fields[':size']) / 1000:.1f}")
        whole = f"{bundle.stat().st_size / 1000:.0f} kB whole"
        found["the bundle on the wire"] = f"{', '.join(sizes)} kB" if sizes else whole
        fields, _ = curl(url(server, port, path))
        tag = fields.get("etag", "")
        again, _ = curl(url(server, port, path), "-H", f"if-none-match: {tag}")
        found["304 by ETag"] = (
            NO if not tag else "yes" if again[":status"] == "304" else f"{again[':status']}"
        )
        fields, _ = curl(url(server, port, path), "-H", "range: bytes=0-99")
        is_part = fields[":status"] == "206" and fields[":size"] == "100"
        found["ranges"] = (
            "yes" if is_part else f"no ({fields[':status']}, {fields[':size']} octets)"
        )
    return found


def no_option(server: DevServer, place: Place, *words: str) -> str:
    """That the help of ``server`` has none of ``words``; a line of it otherwise."""
    done = subprocess.run(server.help(0, place), capture_output=True, text=True, check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert lines, server.name
    hits = [line for line in lines if any(word in line.lower() for word in words)]
    return "no option" if not hits else f"not tried: {hits[0].strip()[:60]}"


def authentication(server: DevServer, place: Place) -> str:
    if server.auth is None:
        return no_option(server, place, "--auth", "passw", "credential")
    with serving(server, server.auth, place) as port:
        without, _ = curl(url(server, port))
        wrong, _ = curl(url(server, port), "-u", f"{USER}:wrong")
        right, _ = curl(url(server, port), "-u", f"{USER}:{PASSWORD}")
    got = [one[":status"] for one in (without, wrong, right)]
    return "yes" if got == ["401", "401", "200"] else ", ".join(got)


def telephone(server: DevServer, place: Place) -> str:
    """What a terminal is shown by a server that listens on the network."""
    if shutil.which("script") is None:
        return "not tried: no program script"
    port = free_port()
    words = ["script", "-qec", _shell(server.network(port, place)), "/dev/null"]
    process = subprocess.Popen(
        words,
        cwd=place.project,
        env={**os.environ, "HOME": str(place.home), "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    time.sleep(5)
    process.terminate()
    output, _ = process.communicate(timeout=20)
    return "yes" if sum(output.decode(errors="replace").count(one) for one in "█▀▄") > 100 else NO


def _shell(words: Sequence[str]) -> str:
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


def start(server: DevServer, place: Place) -> str:
    times = []
    for _ in range(STARTS):
        before = time.monotonic()
        with serving(server, server.plain, place) as port:
            while curl(url(server, port))[0][":status"] != "200":
                assert time.monotonic() - before < PATIENCE
            times.append(time.monotonic() - before)
    return f"{statistics.median(times) * 1000:.0f} ms"


def size(server: DevServer, place: Place, scratch: Path) -> str:
    """Kibibytes on disk and packages, of an installation of its own."""
    name = server.name.partition(" ")[0]
    if name in PACKAGES:
        folder = place.tools / name / "node_modules"
        count = len(list(folder.rglob("package.json"))) and (
            (folder / ".package-lock.json").read_text().count('"node_modules/')
        )
        return f"{_disk(folder)}, {count} packages, and Node"
    if name == "h2static":
        return f"{_ours_installed(scratch)}, and Python"
    words = ["dpkg-query", "-W", "-f", "${Installed-Size}", name.lower()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"{os.path.getsize(str(shutil.which('caddy'))) / 1e6:.0f} MB, 1 program"
    return f"{int(done.stdout) / 1000:.0f} MB, 1 package"


def _ours_installed(scratch: Path) -> str:
    venv = scratch / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    before = set(
        subprocess.run([*pip, "list", "--format=freeze"], capture_output=True).stdout.split()
    )
    site = next((venv / "lib").glob("python*/site-packages"))
    empty = _kilobytes(site)
    repository = Path(__file__).parents[1]
    subprocess.run([*pip, "install", "--quiet", f"{repository}[compress,qr]"], check=True)
    after = set(
        subprocess.run([*pip, "list", "--format=freeze"], capture_output=True).stdout.split()
    )
    return f"{(_kilobytes(site) - empty) / 1000:.0f} MB, {len(after - before)} packages"


def _kilobytes(folder: Path) -> int:
    done = subprocess.run(["du", "-sk", str(folder)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


def _disk(folder: Path) -> str:
    return f"{_kilobytes(folder) / 1000:.0f} MB"


# ---------------------------------------------------------------- with a browser


def trusted(server: DevServer, place: Place) -> str:
    """Whether Chromium opens the page, when what the server has for that was run once."""
    if server.secure is None:
        return no_option(server, place, "https", "ssl", "tls")
    with serving(server, server.secure, place) as port:
        problem = _isolated(server.trust(port, place), place) if server.trust else None
        if problem is not None:
            return problem
        with browsers.chromium(place.home, trusting=True) as browser:
            error = browser.error_of(url(server, port, tls=True))
    if error is None:
        return "yes"
    return f"no: {error}" if server.trust else f"made by an option, not trusted: {error}"


def _isolated(words: list[str], place: Place) -> str | None:
    """Run what changes the stores of the system where it changes only a copy of them."""
    stores = ["/usr/local/share/ca-certificates", "/etc/ssl/certs"]
    mounts = "; ".join(f"mount -t tmpfs none {store}" for store in stores)
    shell = f"set -e; cp -a {stores[1]} {place.home}/certs; {mounts};"
    shell += f"cp -a {place.home}/certs/. {stores[1]}; exec {_shell(words)}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", shell],
        env={
            **os.environ,
            "HOME": str(place.home),
            "XDG_DATA_HOME": str(place.home / ".local" / "share"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    shutil.rmtree(place.home / "certs", ignore_errors=True)
    return None if done.returncode == 0 else f"not tried: {done.stderr.strip()[-100:]}"


def in_browser(server: DevServer, place: Place) -> dict[str, str]:
    """Reloads, style sheets and times."""
    found = {}
    dist = place.project / "dist"
    with (
        serving(server, server.plain, place) as port,
        browsers.chromium(place.home, trusting=False) as browser,
    ):
        address = url(server, port)
        found["of which Chromium gets"] = browser.coding_of(address, ".js")
        browser.open(address)
        time.sleep(2)
        found["style sheet without a reload"] = _swap(browser, dist)
        found["from saving to the new page, median"] = _latency(browser, dist)
        browser.open(address)
        time.sleep(2)
        found["reloads for one rebuild of Vite"] = _rebuilds(browser, place, address)
    return found


def _swap(browser: browsers.Browser, dist: Path) -> str:
    browser.run("window.marker = 1")
    save(dist / "plain.css", "body { background: rgb(0, 128, 0) }\n")
    color = "getComputedStyle(document.body).backgroundColor === 'rgb(0, 128, 0)'"
    if not browser.becomes(color, NO_RELOAD):
        return NO
    return "yes" if browser.run("return window.marker === 1") else "no: the page reloads"


def _latency(browser: browsers.Browser, dist: Path) -> str:
    page = dist / "index.html"
    text = page.read_text()
    times = []
    for number in range(SAVES):
        browser.documents()
        before = time.monotonic()
        save(page, text.replace("<title>first", f"<title>save {number}"))
        if not browser.becomes(f"document.title === 'save {number}'", NO_RELOAD):
            return "no reload" if number == 0 else f"no reload after {number} saves"
        shown = browser.shown_at()
        times.append(shown - before)
        time.sleep(1)
    save(page, text)
    browser.becomes("document.title === 'first'", NO_RELOAD)
    return f"{statistics.median(times) * 1000:.0f} ms ({max(times) * 1000:.0f} at most)"


def save(path: Path, text: str) -> None:
    """As many editors do: beside it, and renamed."""
    temporary = path.with_name(path.name + "~")
    temporary.write_text(text)
    temporary.rename(path)


def _rebuilds(browser: browsers.Browser, place: Place, address: str) -> str:
    """What documents Chromium is answered for each rebuild of ``vite build --watch``."""
    log = place.project / "watch.log"
    with log.open("wb") as output:
        watch = subprocess.Popen(
            [str(place.tools / "project" / "node_modules" / ".bin" / "vite"), "build", "--watch"],
            cwd=place.project,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _built(log, 1)
        time.sleep(3)
        told = []
        for number in range(1, REBUILDS + 1):
            browser.open(address)
            time.sleep(2)
            browser.documents()
            source = place.project / "src" / "main.jsx"
            save(source, source.read_text().replace(f"build {number - 1}", f"build {number}"))
            _built(log, number + 1)
            heading = f"document.querySelector('h1')?.textContent === 'build {number}'"
            is_new = browser.becomes(heading, NO_RELOAD)
            time.sleep(2)
            is_new = is_new and browser.becomes(heading, 1)
            statuses = browser.documents()
            wrong = sum(status != 200 for status in statuses)
            told.append(
                f"{len(statuses)}"
                + (f" ({wrong} into an error)" if wrong else "")
                + ("" if is_new or not statuses else ", the page stays old")
            )
        return NO if set(told) == {"0"} else "; ".join(told)
    finally:
        watch.terminate()
        watch.wait(20)


def _built(log: Path, times: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while log.read_text().count("built in") < times:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def proxied(server: DevServer, place: Place) -> dict[str, str]:
    names = ("proxy beside the folder", "WebSocket through it, in Chromium")
    if server.proxy is None:
        none = no_option(server, place, "proxy")
        return dict.fromkeys(names, none)
    with serving(server, server.proxy, place) as port:
        fields, body = curl(url(server, port, "/api/hello"))
        is_there = fields[":status"] == "200" and body == upstream.HELLO
        page, text = curl(url(server, port))
        has_page = "<title>first" in text or "<title>" in text
        with browsers.chromium(place.home, trusting=False) as browser:
            browser.open(url(server, port))
            echoed = browser.echo("/api/socket")
    proxied = "yes" if is_there and has_page and page[":status"] == "200" else fields[":status"]
    return dict(zip(names, (proxied, echoed), strict=True))


# ---------------------------------------------------------------- the table


def try_all(server: DevServer, place: Place, scratch: Path) -> dict[str, str]:
    """Every cell of one server; one that cannot be tried says why."""
    done = subprocess.run(server.version(0, place), capture_output=True, text=True, check=False)
    version = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
    found = {"version": version[0] if version else "not told"}
    trials: list[tuple[Sequence[str], Callable[[], dict[str, str]]]] = [
        (ROWS[1:2] + ROWS[3:6] + ROWS[7:9], lambda: semantics(server, place)),
        (ROWS[2:3], lambda: {ROWS[2]: trusted(server, place)}),
        (ROWS[6:7] + ROWS[9:12], lambda: in_browser(server, place)),
        (ROWS[12:14], lambda: proxied(server, place)),
        (ROWS[14:15], lambda: {ROWS[14]: authentication(server, place)}),
        (ROWS[15:16], lambda: {ROWS[15]: telephone(server, place)}),
        (ROWS[16:17], lambda: {ROWS[16]: start(server, place)}),
        (ROWS[17:18], lambda: {ROWS[17]: size(server, place, scratch)}),
    ]
    for rows, trial in trials:
        try:
            found.update(trial())
        except (PeerFailed, OSError, AssertionError, browsers.BrowserFailed) as error:
            print(f"{server.name}: {error!r}", file=sys.stderr)
            found.update(dict.fromkeys(rows, f"not tried: {type(error).__name__}"))
    return found


def table(found: dict[str, dict[str, str]]) -> str:
    lines = [f"| | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    lines += [
        f"| {row} | {' | '.join(cells.get(row, 'not tried') for cells in found.values())} |"
        for row in ROWS
    ]
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """The command line; exit code."""
    parser = argparse.ArgumentParser(prog="dev_servers", description="Dev servers, compared.")
    parser.add_argument("names", nargs="*", help="servers; all by default")
    parser.add_argument("--tools", type=Path, help="where npm installs them, kept between runs")
    options = parser.parse_args(argv)
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory(prefix="dev-servers-") as folder, upstream.running() as port:
        scratch = Path(folder)
        tools = (options.tools or scratch / "tools").resolve()
        install(tools)
        for server in servers():
            if options.names and server.name not in options.names:
                continue
            home = scratch / server.name.replace(" ", "-")
            (home / ".pki" / "nssdb").mkdir(parents=True)
            place = Place(project=scratch / "project", tools=tools, home=home, upstream=port)
            write_project(tools, place.project)
            browsers.make_database(home)
            print(f"trying {server.name}", file=sys.stderr)
            found[server.name] = try_all(server, place, scratch)
            print(found[server.name], file=sys.stderr)
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
