"""The arrows between the layers point downwards: proved by reading every import.

A unit is a package or module named in ``LAYERS``; a module belongs to the unit with the longest
matching name.  The modules that stand directly in ``h2static`` and are not named are the front: the
command line, the supervisor, the interface for programs.  A unit imports itself and units of lower
layers, and of those only what ``ONLY`` allows where it is named there; the modules of the front
import each other without a circle.  Imports inside functions and under TYPE_CHECKING count too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

FRONT = "h2static"

#: From the top to the bottom.  Units of one line do not know each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("h2static.testing",),
    (FRONT,),
    ("h2static.command", "h2static.h2get"),
    ("h2static.process",),
    ("h2static.assembly",),
    ("h2static.common_certificate", "h2static.http3_entrances"),
    ("h2static.site_engines",),
    ("h2static.virtual_hosts",),
    ("h2static.hosting", "h2static.proxying", "h2static.served"),
    ("h2static.documents",),
    ("h2static.dev",),
    ("h2static.server",),
    ("h2static.logs",),
    ("h2static.config", "h2static.localca", "h2static.h2"),
    ("h2static.host_config",),
    ("h2static.proxy",),
    ("h2static.client",),
    ("h2static.asgi", "h2static.router", "h2static.host_router"),
    ("h2static.http3", "h2static.http2", "h2static.http1", "h2static.websocket", "h2static.site"),
    ("h2static.quic",),
    ("h2static.http",),
    ("hpacktools.qpack.tools",),
    ("hpacktools",),
    ("hpacktools.qpack",),
    ("hpacktools.codec",),
    ("h2static.errors", "h2static.version", "h2static.descriptors", "h2static.quantities"),
)

#: What these units may import of this project, besides themselves.
ONLY: dict[str, frozenset[str]] = {
    "h2static.server": frozenset(
        {
            *("h2static.config", "h2static.descriptors", "h2static.errors"),
            *("h2static.host_config", "h2static.http", "h2static.logs", "h2static.quic"),
        }
    ),
    "h2static.h2": frozenset({"h2static.http2", "h2static.http"}),
    "h2static.client": frozenset(
        {"h2static.http", "h2static.http1", "h2static.http2", "h2static.websocket"}
    ),
    "h2static.asgi": frozenset(
        {"h2static.errors", "h2static.http", "h2static.site", "h2static.websocket"}
    ),
    "h2static.host_config": frozenset({"h2static.asgi", "h2static.proxy", "h2static.site"}),
    "h2static.proxy": frozenset(
        {
            *("h2static.client", "h2static.http", "h2static.http1", "h2static.http2"),
            *("h2static.site", "h2static.websocket"),
        }
    ),
    "h2static.router": frozenset({"h2static.http"}),
    "h2static.host_router": frozenset({"h2static.http"}),
    "h2static.http3": frozenset(
        {"h2static.http", "h2static.quic", "hpacktools.codec", "hpacktools.qpack"}
    ),
    "h2static.http2": frozenset({"h2static.http", "hpacktools.codec"}),
    "h2static.http1": frozenset({"h2static.http"}),
    "h2static.websocket": frozenset({"h2static.http"}),
    "h2static.site": frozenset({"h2static.descriptors", "h2static.http"}),
    "h2static.quic": frozenset(),
    "h2static.http": frozenset(),
    "hpacktools.qpack.tools": frozenset({"hpacktools", "hpacktools.qpack", "hpacktools.codec"}),
    "hpacktools": frozenset({"hpacktools.codec"}),
    "hpacktools.qpack": frozenset({"hpacktools.codec"}),
    "hpacktools.codec": frozenset(),
}

#: Layers that do no input or output on sockets, start nothing, read no clock and log nothing.
PURE = (
    "h2static.http",
    "h2static.http1",
    "h2static.http2",
    "h2static.http3",
    "h2static.quic",
    "h2static.websocket",
    "h2static.h2",
    "h2static.router",
    "h2static.host_router",
    "h2static.host_config",
    "h2static.site",
    "hpacktools.qpack",
    "hpacktools.codec",
)
IMPURE_MODULES = frozenset(
    [
        "anyio",
        "asyncio",
        "concurrent",
        "http",
        "logging",
        "multiprocessing",
        "queue",
        "random",
        "secrets",
        "select",
        "selectors",
        "signal",
        "socket",
        "socketserver",
        "ssl",
        "subprocess",
        "threading",
        "time",
        "watchfiles",
    ]
)
#: Methods that read a clock though their module does more than that.
CLOCK_METHODS = frozenset({"now", "utcnow", "today"})

#: Third-party modules and the units that may import them.
THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "aioquic": ("h2static.quic",),
    "hpack": ("hpacktools.codec", "hpacktools"),
    "watchfiles": ("h2static.dev",),
    "markdown_it": ("h2static.dev",),
    "segno": ("h2static.command",),
    "brotli": ("h2static.site",),
    "zstandard": ("h2static.site",),
    "websockets": ("h2static.client", "h2static.websocket"),
    "cryptography": ("h2static.localca", "h2static.quic", "h2static.server"),
    "scipy": ("hpacktools",),
    "pytest": ("h2static.testing",),
    "a2wsgi": ("h2static.asgi",),
}

RANK = {unit: rank for rank, units in enumerate(LAYERS) for unit in units}


def unit_of(module: str) -> str | None:
    """The unit that ``module`` belongs to; ``None`` for modules of others."""
    matching = [unit for unit in RANK if f"{module}.".startswith(f"{unit}.")]
    best = max(matching, key=len, default=None)
    # A package that is no unit is not the front, which is made of modules.
    return None if best == FRONT and module.count(".") > 1 else best


def module_name(path: Path) -> str:
    """``h2static/http2/frames.py`` → ``h2static.http2.frames``."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path: Path) -> tuple[tuple[int, str], ...]:
    """Line and absolute name of every module that ``path`` imports."""
    return tuple(_imports_of(path))


def _imports_of(path: Path) -> Iterator[tuple[int, str]]:
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            # The package itself is there anyway for each of its modules.
            for alias in node.names:
                if alias.name != FRONT:
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                # "from package import name": the name may be a module of its own.
                yield node.lineno, f"{source}.{alias.name}" if is_module(source, alias) else source


def is_module(source: str, alias: ast.alias) -> bool:
    place = REPOSITORY.joinpath(*source.split("."), alias.name)
    return place.with_suffix(".py").is_file() or place.is_dir()


def sources() -> list[Path]:
    found = [
        path
        for package in ("h2static", "hpacktools")
        for path in (REPOSITORY / package).rglob("*.py")
    ]
    assert found
    return sorted(found)


def problems_in(path: Path) -> Iterator[str]:
    """What ``path`` imports against the rules, one line each."""
    module = module_name(path)
    unit = unit_of(module)
    if unit is None:
        yield f"{module} has no layer: name it in LAYERS"
        return
    for line, name in imports_of(path):
        where = f"{path.relative_to(REPOSITORY)}:{line}: {unit} imports {name}"
        top = name.partition(".")[0]
        if top in ("h2static", "hpacktools"):
            target = unit_of(name)
            if target is None:
                yield f"{where}, which has no layer"
            elif target != unit and RANK[target] <= RANK[unit]:
                yield f"{where}: the arrow does not point downwards"
            elif target != unit and unit in ONLY and target not in ONLY[unit]:
                yield f"{where}: it may import only {sorted(ONLY[unit])}"
        if unit in PURE and top in IMPURE_MODULES:
            yield f"{where}: no sockets, threads, clocks, randomness or logs here"
        if top in THIRD_PARTY and unit not in THIRD_PARTY[top]:
            yield f"{where}: only {', '.join(THIRD_PARTY[top])} may"


def clock_calls_in(path: Path) -> Iterator[str]:
    """Calls such as ``datetime.now()`` in ``path``, one line each."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CLOCK_METHODS
            and isinstance(node.func.value, ast.Name | ast.Attribute)
            and ast.unparse(node.func.value).split(".")[-1] in ("date", "datetime")
        ):
            yield f"{path.relative_to(REPOSITORY)}:{node.lineno}: reads the clock"


def test_imports_point_downwards() -> None:
    assert [problem for path in sources() for problem in problems_in(path)] == []


def test_no_circles() -> None:
    modules = {module_name(path): path for path in sources()}
    imports = {
        module: {name for _, name in imports_of(path) if name in modules and name != module}
        for module, path in modules.items()
    }
    assert imports["h2static.cli"]
    TopologicalSorter(imports).prepare()


def stores_in(path: Path) -> Iterator[tuple[str, str]]:
    """Attributes of others that ``path`` assigns: what they are of, and their names."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            owner = ast.unparse(node.value)
            if owner != "self":
                yield owner, node.attr


#: What a connection of HTTP/2 is made of, as its modules call it.
PARTS = frozenset(
    [
        *("connection", "engine", "sender", "streams", "blocks", "budgets", "peer", "shutdown"),
        *("reports", "push", "requests", "responses", "content", "messages", "deadlines"),
        *("receiver", "replay", "scheduler", "endpoint", "service"),
    ]
)


def test_parts_of_http2_own_their_state() -> None:
    """No part assigns anything that another part keeps; whoever wants a change calls its method."""
    found = [
        f"{path.name}: {owner}.{name}"
        for path in sorted((REPOSITORY / "h2static/http2").glob("*.py"))
        for owner, name in stores_in(path)
        if owner.rpartition(".")[2].strip("_") in PARTS
    ]
    assert found == []


def test_pure_layers_read_no_clock() -> None:
    pure = [path for path in sources() if unit_of(module_name(path)) in PURE]
    assert pure
    assert [problem for path in pure for problem in clock_calls_in(path)] == []


@pytest.mark.parametrize(
    ("place", "source", "complaint"),
    [
        ("h2static/http2/x.py", "import h2static.site", "not point downwards"),
        ("h2static/http2/x.py", "from h2static.server import x", "not point downwards"),
        ("h2static/http2/x.py", "from ..server import x", "not point downwards"),
        ("h2static/http2/x.py", "def f():\n    import socket", "no sockets"),
        (
            "h2static/http2/x.py",
            "from hpack.struct import Header",
            "only hpacktools.codec, hpacktools may",
        ),
        ("h2static/site/x.py", "from time import time", "no sockets"),
        ("h2static/site/x.py", "from .. import http2", "not point downwards"),
        ("h2static/server/x.py", "from h2static import cli", "not point downwards"),
        ("h2static/http/x.py", "import h2static.site", "not point downwards"),
        ("hpacktools/x.py", "import h2static.http", "not point downwards"),
        ("hpacktools/codec/x.py", "from hpacktools import stories", "not point downwards"),
        ("h2static/server/x.py", "from h2static import serve", "not point downwards"),
        ("h2static/nowhere/x.py", "import os", "has no layer"),
    ],
)
def test_the_reader_sees_a_wrong_arrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, source: str, complaint: str
) -> None:
    monkeypatch.setattr(f"{__name__}.REPOSITORY", tmp_path)
    for package in ("h2static/http2", "h2static/site", "h2static/server"):
        (tmp_path / package).mkdir(parents=True)
    (tmp_path / "h2static/cli.py").touch()
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert complaint in " ".join(problems_in(path))


def test_the_reader_sees_a_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.REPOSITORY", tmp_path)
    path = tmp_path / "x.py"
    path.write_text("import datetime\ndatetime.datetime.now()\n")
    assert list(clock_calls_in(path)) == ["x.py:2: reads the clock"]
