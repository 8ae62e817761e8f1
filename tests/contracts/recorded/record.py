"""Record what clients send: ``python -m tests.contracts.recorded.record``.

Needs the clients of :data:`CLIENTS`, Chromium and Firefox.  Names as operands: only these.
``--answers`` records nothing, and writes down what the server answers now: for changes that are
meant to change it.  The tests do not run this.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from h2static.localca.certificates import ensure_certificate
from tests.contracts.recorded import FOLDER, RecordedSite, is_http1, is_secure, names
from tests.support.browser import browsing
from tests.support.firefox import firefox_home

_HOST = "http://127.0.0.1:PORT"
_CURL = ["curl", "-s", "-o", "/dev/null"]
_CURL2 = [*_CURL, "--http2-prior-knowledge"]
#: That of the file.
_DATE = "If-Modified-Since: Tue, 14 Nov 2023 22:13:21 GMT"

CLIENTS: dict[str, list[str]] = {
    "curl": [*_CURL2, f"{_HOST}/large.bin"],
    "curl-ranges": [*_CURL2, "-r", "10-19,30-39", f"{_HOST}/large.bin"],
    "curl-head": [*_CURL2, "-I", f"{_HOST}/nothing"],
    "curl-condition": [*_CURL2, "-H", _DATE, f"{_HOST}/style.css"],
    "nghttp": ["nghttp", "-n", "-a", f"{_HOST}/"],
    "nghttp-upload": ["nghttp", "-n", "-d", str(FOLDER / "__init__.py"), f"{_HOST}/"],
    "h2load": [
        "h2load", "-n", "60", "-c", "1", "-m", "10",
        f"{_HOST}/", f"{_HOST}/style.css", f"{_HOST}/empty.txt",
    ],
    "http1-curl": [*_CURL, f"{_HOST}/", "-o", "/dev/null", f"{_HOST}/large.bin"],
    "http1-curl-head": [*_CURL, "-I", f"{_HOST}/", "-o", "/dev/null", f"{_HOST}/nothing"],
    "http1-curl-ranges": [*_CURL, "-r", "10-19,30-39", f"{_HOST}/large.bin"],
    "http1-curl-condition": [*_CURL, "-H", _DATE, f"{_HOST}/style.css"],
    "http1-curl-upload": [*_CURL, "--data-binary", "content", f"{_HOST}/"],
    "http1-wget": ["wget", "-q", "-nd", "-P", "FOLDER", "-p", f"{_HOST}/"],
    "http1-ab": ["ab", "-q", "-k", "-n", "20", "-c", "1", f"{_HOST}/style.css"],
    "http1-ab-close": ["ab", "-q", "-n", "1", f"{_HOST}/"],
    "http1-h2load": ["h2load", "--h1", "-n", "40", "-c", "1", "-m", "4", f"{_HOST}/style.css"],
}  # fmt: skip
BROWSERS = ("chromium", "firefox")


class Recorder:
    """A server that keeps what comes on each connection."""

    def __init__(self, name: str, folder: Path, context: ssl.SSLContext | None = None) -> None:
        self.site = RecordedSite(folder)
        self.name = name
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.listener.getsockname()[1])
        self.context = context
        #: Reads, by connection.
        self.connections: list[list[bytes]] = []
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        reads: list[bytes] = []
        self.connections.append(reads)
        try:
            if self.context is not None:
                client = self.context.wrap_socket(client, server_side=True)
            with self.lock:
                feed = self.site.connect(self.name)
                feed.settle()
            sent = len(feed.output)
            client.sendall(feed.output)
            while octets := client.recv(65_536):
                reads.append(octets)
                with self.lock:
                    self.site.site.new_batch()
                    feed.deliver(octets)
                client.sendall(feed.output[sent:])
                sent = len(feed.output)
                if feed.connection.closing:
                    break
        except OSError:
            pass  # clients may leave as they like
        finally:
            client.close()

    def write(self) -> None:
        """Write down the connection on which most came."""
        reads = max(self.connections, key=lambda one: sum(map(len, one)))
        octets = b"".join(len(read).to_bytes(4, "big") + read for read in reads)
        (FOLDER / f"{self.name}.session").write_bytes(octets)


@contextmanager
def _recording(name: str, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The port of a server whose client is recorded."""
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(name, Path(folder), context)
        yield recorder.port
        recorder.listener.close()
        recorder.write()


def _browse(name: str, folder: Path) -> None:
    """Have a browser load the page, twice."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["h2"])
    if name == "chromium":
        with browsing(folder) as browser:
            _trust(context, folder)
            with _recording(name, context) as port:
                for _ in range(2):
                    browser.driver.get(f"https://localhost:{port}/")
                    browser.wait("document.title", "done")
        return
    home = firefox_home(folder)
    home.trust()
    _trust(context, folder)
    with _recording(name, context) as port, home.started() as firefox:
        for _ in range(2):
            firefox.get(f"https://localhost:{port}/")
            firefox.wait("document.title", "done")


def _trust(context: ssl.SSLContext, folder: Path) -> None:
    """Use the certificate that the browser of ``folder`` trusts."""
    made = ensure_certificate(folder=folder / "data" / "h2static")
    context.load_cert_chain(made.cert_file, made.key_file)


def record(name: str) -> None:
    """Record one client."""
    if name in BROWSERS:
        with tempfile.TemporaryDirectory() as folder:
            _browse(name, Path(folder))
        return
    with tempfile.TemporaryDirectory() as folder, _recording(name) as port:
        words = [word.replace("PORT", port).replace("FOLDER", folder) for word in CLIENTS[name]]
        # wget says by its code that something was not found.
        subprocess.run(words, check="wget" not in words, timeout=30, stdout=subprocess.DEVNULL)


def write_answers(name: str) -> None:
    """Write down what the server answers in a session."""
    with tempfile.TemporaryDirectory() as folder:
        octets = RecordedSite(Path(folder)).play(name)
    (FOLDER / f"{name}.answers").write_bytes(octets)
    sort = "HTTP/1.1" if is_http1(name) else "HTTP/2 in TLS" if is_secure(name) else "HTTP/2"
    print(name, sort, (FOLDER / f"{name}.session").stat().st_size, len(octets))


def main() -> None:
    """See the module."""
    words = sys.argv[1:]
    if words == ["--answers"]:
        chosen = names()
    else:
        chosen = words or [*CLIENTS, *BROWSERS]
        for name in chosen:
            record(name)
    for name in chosen:
        write_answers(name)


if __name__ == "__main__":
    main()
