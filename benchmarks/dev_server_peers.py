"""Dev and preview servers of others and ours: how each is started, as its users start it.

Promise: :func:`servers` are command lines for a project that :func:`write_project` made, one for
each thing that is tried.  A server without an option for something has no command line for it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "ada", "secret"
#: Each is installed alone, too, so that its size can be told.
PACKAGES = {
    "vite": ["vite"],
    "live-server": ["live-server"],
    "browser-sync": ["browser-sync"],
    "serve": ["serve"],
}
_PROJECT = {"vite": "^8", "@vitejs/plugin-react": "^6", "react": "^19", "react-dom": "^19"}
_FILES = {
    "vite.config.js": "import react from '@vitejs/plugin-react';\n"
    "export default { plugins: [react()], preview: { proxy: process.env.UPSTREAM ?"
    " { '/api': { target: process.env.UPSTREAM, ws: true } } : undefined } };\n",
    "index.html": "<!doctype html><html><head><title>first</title>"
    "<link rel=icon href=data:,><link rel=stylesheet href=/plain.css></head>"
    "<body><div id=root></div><script type=module src=/src/main.jsx></script></body></html>",
    "src/main.jsx": "import { createRoot } from 'react-dom/client';\nimport './main.css';\n"
    "createRoot(document.getElementById('root')).render(<h1>build 0</h1>);\n",
    "src/main.css": "h1 { color: navy }\n",
    "public/plain.css": "body { background: rgb(255, 0, 0) }\n",
}


@dataclass(slots=True, kw_only=True, frozen=True)
class Place:
    """A project, and what servers are told."""

    project: Path
    #: Where npm has put the servers.
    tools: Path
    #: The home folder of the server and of the browser.
    home: Path
    upstream: int

    def tool(self, name: str) -> str:
        return str(self.tools / name / "node_modules" / ".bin" / name)


Command = Callable[[int, Place], list[str]]


@dataclass(slots=True, kw_only=True, frozen=True)
class DevServer:
    """How one server is started on ``dist``; each command is told a port."""

    name: str
    #: As most people use it.
    plain: Command
    #: With TLS, where one option brings that.
    secure: Command | None = None
    #: What has browsers trust its certificates; the server runs meanwhile.
    trust: Command | None = None
    proxy: Command | None = None
    auth: Command | None = None
    #: Listens on the network.
    network: Command
    #: Whether ``plain`` speaks TLS.
    tls: bool = False
    #: What prints all options, where there is such a thing.
    help: Command
    version: Command


def _ours(*words: str) -> Command:
    def command(port: int, place: Place) -> list[str]:
        options = [word.format(upstream=place.upstream) for word in words]
        return [*_H2STATIC, "--dev", "--spa", "index.html", *options, str(port), "dist"]

    return command


_H2STATIC = [sys.executable, "-m", "h2static"]


def _ours_with_password(port: int, place: Place) -> list[str]:
    done = subprocess.run(
        [*_H2STATIC, "hash-password"], input=PASSWORD, capture_output=True, text=True, check=True
    )
    return _ours("-a", "127.0.0.1", "--auth", f"{USER}:{done.stdout.strip()}")(port, place)


def _vite(*words: str) -> Command:
    def command(port: int, place: Place) -> list[str]:
        return [place.tool("vite"), "preview", "--port", str(port), "--strictPort", *words]

    return command


def _live_server(host: str, *words: str) -> Command:
    def command(port: int, place: Place) -> list[str]:
        options = [word.format(upstream=place.upstream, project=place.project) for word in words]
        common = [f"--port={port}", f"--host={host}", "--no-browser", "--entry-file=index.html"]
        return [place.tool("live-server"), *common, *options, "dist"]

    return command


def _live_server_with_password(port: int, place: Place) -> list[str]:
    words = ["openssl", "passwd", "-apr1", PASSWORD]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    (place.project / "htpasswd").write_text(f"{USER}:{done.stdout}")
    return _live_server("127.0.0.1", "--htpasswd={project}/htpasswd")(port, place)


def _browser_sync(*words: str) -> Command:
    def command(port: int, place: Place) -> list[str]:
        options = [word.format(upstream=place.upstream) for word in words]
        common = ["--files", "dist", "--port", str(port), "--no-open", "--no-ui", "--no-notify"]
        return [place.tool("browser-sync"), "start", *options, *common]

    return command


def _serve(address: str) -> Command:
    def command(port: int, place: Place) -> list[str]:
        return [place.tool("serve"), "-s", "dist", "-n", "-l", f"tcp://{address}:{port}"]

    return command


def _caddy(*directives: str, site: str = "localhost") -> Command:
    """Its file is what ``file-server`` alone cannot say: compression and a single page."""

    def command(port: int, place: Place) -> list[str]:
        inner = "\n".join(directives).replace("UPSTREAM", f"127.0.0.1:{place.upstream}")
        file = place.project / "Caddyfile"
        # Its own attempt at the stores of the system would change this machine.
        file.write_text(
            f"{{\nadmin localhost:{port + 1}\nskip_install_trust\n"
            "auto_https disable_redirects\n}\n"
            f"{site}:{port} {{\ntls internal\nroot * dist\nencode\n{inner}\n"
            "handle {\ntry_files {path} /index.html\nfile_server\n}\n}\n"
        )
        return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]

    return command


def _caddy_with_password(port: int, place: Place) -> list[str]:
    words = ["caddy", "hash-password", "--plaintext", PASSWORD]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return _caddy(f"basic_auth {{\n{USER} {done.stdout.strip()}\n}}")(port, place)


def servers() -> list[DevServer]:
    """Ours first."""
    loopback = ("-a", "127.0.0.1")
    return [
        DevServer(
            name="h2static",
            plain=_ours(*loopback),
            secure=_ours(*loopback),
            trust=lambda port, place: [*_H2STATIC, "install-ca", "--yes"],
            proxy=_ours(*loopback, "--proxy", "/api=http://127.0.0.1:{upstream}"),
            auth=_ours_with_password,
            network=_ours("-a", "0.0.0.0"),
            tls=True,
            help=lambda port, place: [*_H2STATIC, "--help-all"],
            version=lambda port, place: [*_H2STATIC, "--version"],
        ),
        DevServer(
            name="vite preview",
            plain=_vite("--host", "127.0.0.1"),
            proxy=_vite("--host", "127.0.0.1"),
            network=_vite("--host"),
            help=lambda port, place: [place.tool("vite"), "preview", "--help"],
            version=lambda port, place: [place.tool("vite"), "--version"],
        ),
        DevServer(
            name="live-server",
            plain=_live_server("127.0.0.1"),
            proxy=_live_server("127.0.0.1", "--proxy=/api:http://127.0.0.1:{upstream}/api"),
            auth=_live_server_with_password,
            network=_live_server("0.0.0.0"),
            help=lambda port, place: [place.tool("live-server"), "--help"],
            version=lambda port, place: [place.tool("live-server"), "--version"],
        ),
        DevServer(
            name="browser-sync",
            plain=_browser_sync("--server", "dist", "--single"),
            secure=_browser_sync("--server", "dist", "--single", "--https"),
            proxy=_browser_sync(
                "--proxy", "http://127.0.0.1:{upstream}", "--serveStatic", "dist", "--ws"
            ),
            network=_browser_sync("--server", "dist", "--single"),
            help=lambda port, place: [place.tool("browser-sync"), "start", "--help"],
            version=lambda port, place: [place.tool("browser-sync"), "--version"],
        ),
        DevServer(
            name="Caddy",
            plain=_caddy(),
            secure=_caddy(),
            trust=lambda port, place: ["caddy", "trust", "--address", f"localhost:{port + 1}"],
            proxy=_caddy("handle /api/* {\nreverse_proxy UPSTREAM\n}"),
            auth=_caddy_with_password,
            network=_caddy(site=""),
            tls=True,
            help=lambda port, place: ["caddy", "help", "file-server"],
            version=lambda port, place: ["caddy", "version"],
        ),
        DevServer(
            name="serve",
            plain=_serve("127.0.0.1"),
            network=_serve("0.0.0.0"),
            help=lambda port, place: [place.tool("serve"), "--help"],
            version=lambda port, place: [place.tool("serve"), "--version"],
        ),
    ]


def install(tools: Path) -> None:
    """Each server, and what the project is built with; what is there already stays."""
    for name, packages in PACKAGES.items():
        _npm(tools / name, dict.fromkeys(packages, "*"))
    _npm(tools / "project", _PROJECT)


def _npm(folder: Path, dependencies: dict[str, str]) -> None:
    if (folder / "node_modules").is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    content = {"private": True, "type": "module", "dependencies": dependencies}
    (folder / "package.json").write_text(json.dumps(content))
    npm = ["npm", "install", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(npm, cwd=folder, check=True)


def write_project(tools: Path, folder: Path) -> None:
    """A page with React, two style sheets, and a build of it in ``dist``."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(tools / "project" / "package.json", folder)
    (folder / "node_modules").symlink_to(tools / "project" / "node_modules")
    for path, text in _FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    subprocess.run(["npx", "vite", "build"], cwd=folder, check=True, capture_output=True)
