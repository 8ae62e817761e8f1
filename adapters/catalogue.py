"""The codecs that have an adapter, and how to build and start each.

Contract: :func:`prepare` returns a command for ``hpack-conformance --co-process`` with the version
of its codec, or says what is missing.  It builds into ``adapters/build``.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
BUILD: Final = FOLDER / "build"
#: Where Debian installs Java libraries, and Go packages.
JARS: Final = Path("/usr/share/java")
GO_PATH: Final = Path("/usr/share/gocode")
#: Exit code of an adapter whose codec is not installed.
ABSENT: Final = 77
#: Time to build an adapter, in seconds.
_TIMEOUT: Final = 300


class AbsentError(Exception):
    """A codec or its language is not installed; the message is the remedy."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Adapter:
    """The adapter of one codec."""

    name: str
    language: str
    #: The program that runs or builds the adapter.
    program: str
    #: How to install the codec.
    install: str
    #: The command line: the program first, then its arguments.
    words: tuple[str, ...]
    #: Files that the codec needs: jars, a folder of sources.
    files: tuple[Path, ...] = ()


@dataclass(slots=True, kw_only=True, frozen=True)
class Prepared:
    """An adapter that is ready to start."""

    adapter: Adapter
    command: str
    #: The codec with its version.
    version: str


def _python(name: str, module: str, install: str, *arguments: str) -> Adapter:
    return Adapter(
        name=name,
        language={"nghttp2": "C", "jh2": "Python" if arguments else "Rust"}.get(module, "Python"),
        program=sys.executable,
        install=install,
        words=("-m", f"adapters.{module}", *arguments),
    )


def _java(name: str, main: str, install: str, *jars: str) -> Adapter:
    return Adapter(
        name=name,
        language="Java",
        program="javac",
        install=install,
        words=(main,),
        files=tuple(JARS / f"{jar}.jar" for jar in jars),
    )


def _script(name: str, language: str, program: str, path: str, install: str) -> Adapter:
    return Adapter(
        name=name, language=language, program=program, install=install, words=(str(FOLDER / path),)
    )


ADAPTERS: Final = (
    _python("nghttp2", "nghttp2", "apt-get install libnghttp2-14"),
    _python("python-hpack", "python_hpack", "pip install hpack"),
    _python("jh2 (Rust)", "jh2", "pip install jh2"),
    _python("jh2 (Python)", "jh2", "pip install jh2", "--python"),
    Adapter(
        name="Go x/net",
        language="Go",
        program="go",
        install="apt-get install golang-go golang-golang-x-net-dev",
        words=("go-adapter",),
        files=(GO_PATH / "src/golang.org/x/net/http2/hpack",),
    ),
    _script("npm hpack", "JavaScript", "node", "node/hpack.js", "npm install hpack"),
    _script("npm hpack.js", "JavaScript", "node", "node/hpack_js.js", "npm install hpack.js"),
    _script(
        "Protocol::HTTP2",
        "Perl",
        "perl",
        "perl/protocol_http2.pl",
        "apt-get install libprotocol-http2-perl",
    ),
    _script("http-2", "Ruby", "ruby", "ruby/http_2.rb", "apt-get install ruby-http-2"),
    _script(
        "protocol-hpack",
        "Ruby",
        "ruby",
        "ruby/protocol_hpack.rb",
        "apt-get install ruby-protocol-hpack",
    ),
    _script("lua-http", "Lua", "lua5.3", "lua/http.lua", "apt-get install lua5.3 lua-http"),
    _java(
        "Netty",
        "io.netty.handler.codec.http2.NettyAdapter",
        "apt-get install default-jdk-headless libnetty-java",
        "netty-codec-http2",
        "netty-codec-http",
        "netty-codec",
        "netty-buffer",
        "netty-common",
        "netty-transport",
        "netty-handler",
        "netty-resolver",
    ),
    _java(
        "Tomcat",
        "org.apache.coyote.http2.TomcatAdapter",
        "apt-get install default-jdk-headless libtomcat10-java",
        "tomcat10-coyote",
        "tomcat10-util",
        "tomcat10-juli",
    ),
    _java(
        "HttpCore 5",
        "org.apache.hc.core5.http2.hpack.HttpCoreAdapter",
        "apt-get install default-jdk-headless libhttpcore5-java",
        "httpcore5-h2",
        "httpcore5",
    ),
    _java(
        "OkHttp",
        "okhttp3.internal.http2.OkHttpAdapter",
        "apt-get install default-jdk-headless libokhttp-java",
        "okhttp",
        "okio",
    ),
)


def prepare(adapter: Adapter) -> Prepared:
    """Build an adapter if necessary, and query the version of its codec.

    Raises :class:`AbsentError`, and ``subprocess.CalledProcessError`` if it is broken.
    """
    if shutil.which(adapter.program) is None or not all(map(Path.exists, adapter.files)):
        raise AbsentError(adapter.install)
    if adapter.program == "javac":
        return _prepare_java(adapter)
    if adapter.program == "go":
        words = [_build_go()]
        version = _debian_version(adapter)
        return Prepared(adapter=adapter, command=shlex.join(words), version=version)
    words = [adapter.program, *adapter.words]
    if adapter.program == "node":
        words = ["env", f"NODE_MODULES={BUILD}", *words]
    done = subprocess.run(  # noqa: S603  # the words are those above
        [*words, "--version"], cwd=FOLDER.parent, capture_output=True, text=True, check=False
    )
    if done.returncode == ABSENT:
        raise AbsentError(adapter.install)
    done.check_returncode()
    return Prepared(adapter=adapter, command=shlex.join(words), version=done.stdout.strip())


def _prepare_java(adapter: Adapter) -> Prepared:
    """Compile a Java adapter."""
    (main,) = adapter.words
    classes = BUILD / "java"
    path = os.pathsep.join(map(str, (classes, *adapter.files)))
    sources = [FOLDER / "java/Adapter.java", FOLDER / f"java/{main.rpartition('.')[2]}.java"]
    _build(["javac", "-nowarn", "-cp", path, "-d", str(classes), *map(str, sources)])
    # The JVM starts once, and must not use all processors to compile.
    words = ["java", "-XX:+UseSerialGC", "-cp", path, main]
    return Prepared(adapter=adapter, command=shlex.join(words), version=_debian_version(adapter))


def _build_go() -> str:
    program = BUILD / "go-adapter"
    environment = {"GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOFLAGS": "", "CGO_ENABLED": "0"}
    _build(["go", "build", "-o", str(program), str(FOLDER / "go/main.go")], **environment)
    return str(program)


def _build(words: list[str], **environment: str) -> None:
    BUILD.mkdir(exist_ok=True)
    subprocess.run(  # noqa: S603  # the words are those of this module
        words, check=True, env=os.environ | environment, capture_output=True, timeout=_TIMEOUT
    )


def _debian_version(adapter: Adapter) -> str:
    """The codec with the version of its Debian package, the last one in the list to install."""
    version = "(unknown version)"
    if shutil.which("dpkg-query") is not None:
        query = ["dpkg-query", "-W", "-f", "${Version}", adapter.install.split()[-1]]
        done = subprocess.run(  # noqa: S603  # a fixed query
            query, capture_output=True, text=True, check=False
        )
        version = done.stdout.strip() or version
    return f"{adapter.name} {version}"


def available() -> Iterator[tuple[Adapter, Prepared | None]]:
    """Every adapter with the way to start it; ``None`` if its codec is not installed."""
    for adapter in ADAPTERS:
        try:
            yield adapter, prepare(adapter)
        except AbsentError:
            yield adapter, None
