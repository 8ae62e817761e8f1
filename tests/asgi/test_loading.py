"""From ``MODULE:ATTRIBUTE`` to an application: what is loaded, and what is said if it cannot be."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.asgi.config import AppConfig
from h2static.asgi.loading import load
from h2static.errors import ApplicationError
from tests.asgi.support import Talk
from tests.contracts.dialects import Dialect

_NUMBERS = itertools.count()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for modules; what was imported from it is forgotten."""
    path, modules = sys.path[:], set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("loaded_"):
            del sys.modules[name]


def module(folder: Path, text: str) -> str:
    """The name of a new module with ``text``."""
    name = f"loaded_{next(_NUMBERS)}"
    (folder / f"{name}.py").write_text(text)
    return name


ASGI = "async def app(scope, receive, send): ...\n"


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        (ASGI, "app"),
        (
            "class Box:\n    async def app(self, scope, receive, send): ...\nbox = Box()\n",
            "box.app",
        ),
        (
            "class App:\n    async def __call__(self, scope, receive, send): ...\napp = App()\n",
            "app",
        ),
        ("def app(*arguments): ...\n", "app"),
        ("def app(scope, receive, send, extra=None): ...\n", "app"),
    ],
)
def test_what_is_an_application(folder: Path, text: str, attribute: str) -> None:
    name = module(folder, text)
    found = load(AppConfig(target=f"{name}:{attribute}", app_dir=str(folder)))
    assert callable(found)


def test_a_factory(folder: Path) -> None:
    name = module(folder, f"{ASGI}def make(): return app\n")
    found = load(AppConfig(target=f"{name}:make", app_dir=str(folder), factory=True))
    assert found is sys.modules[name].app


WRONG: dict[str, tuple[str, str, bool, str]] = {
    "no attribute": (ASGI, "application", False, "{}:application: {} has no attribute application"),
    "no attribute of it": (ASGI, "app.x", False, "{}:app.x: {}.app has no attribute x"),
    "not callable": ("app = 1\n", "app", False, "{}:app: int object is not callable"),
    "a module": (
        "import os as app\n", "app", False, "{}:app: module object is not callable; it is a module"
    ),
    "a factory": ("def app(): ...\n", "app", False, "{}:app: returns an application; use"),
    "a class": (
        "class App:\n    def __init__(self, x): ...\n",
        "App",
        False,
        "{}:App: returns an application; use",
    ),
    "wsgi": (
        "def app(environ, start_response): ...\n", "app", False, "{}:app: takes two arguments"
    ),
    "no factory": ("app = 1\n", "app", True, "{}:app: not callable, so it cannot"),
    "a factory of nothing": (
        "def app(): ...\n", "app", True, "{}:app: NoneType object is not callable"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_none(folder: Path, what: str) -> None:
    """One line that says what and where."""
    text, attribute, factory, expected = WRONG[what]
    name = module(folder, text)
    with pytest.raises(ApplicationError) as raised:
        load(AppConfig(target=f"{name}:{attribute}", app_dir=str(folder), factory=factory))
    assert str(raised.value).startswith(expected.replace("{}", name))
    assert "\n" not in str(raised.value)
    assert raised.value.details == ()


@pytest.mark.parametrize("target", ["loaded_not_there", "loaded_not_there.x", "os.path.x"])
def test_a_module_that_is_not_there(folder: Path, target: str) -> None:
    with pytest.raises(ApplicationError, match=r"no module named \S+ in ") as raised:
        load(AppConfig(target=f"{target}:app", app_dir=str(folder)))
    assert raised.value.details == ()


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("def here():\n    1 / 0\nhere()\n", "ZeroDivisionError: division by zero"),
        ("import loaded_missing\n", "ModuleNotFoundError: No module named 'loaded_missing'"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("def broken(:\n", "SyntaxError: invalid syntax"),
    ],
)
def test_a_module_that_cannot_be_imported(folder: Path, text: str, raised: str) -> None:
    """The traceback is that of the module, without the machinery of imports."""
    name = module(folder, text)
    with pytest.raises(ApplicationError, match="importing it raised") as found:
        load(AppConfig(target=f"{name}:app", app_dir=str(folder)))
    assert found.value.details[-1] == raised
    assert not any("importlib" in line or "loading.py" in line for line in found.value.details)


def test_a_factory_that_raises(folder: Path) -> None:
    name = module(folder, "def make():\n    raise ValueError('no settings')\n")
    with pytest.raises(ApplicationError, match="the factory raised ValueError") as found:
        load(AppConfig(target=f"{name}:make", app_dir=str(folder), factory=True))
    assert found.value.details[-1] == "ValueError: no settings"
    assert any(f"{name}.py" in line for line in found.value.details)


@pytest.mark.parametrize("target", ["app", "app:", ":app", "a b:c", "a:b:c", "a.:b", "1a:b"])
def test_what_is_no_name(target: str) -> None:
    with pytest.raises(ValueError, match="is not MODULE:ATTRIBUTE"):
        AppConfig(target=target)


WSGI = """
def app(environ, start_response):
    seen = "|".join([environ["REQUEST_METHOD"], environ["SCRIPT_NAME"], environ["PATH_INFO"],
        environ["QUERY_STRING"], environ.get("HTTP_X_ONE", ""), environ["wsgi.url_scheme"]])
    content = environ["wsgi.input"].read()
    start_response("201 Created", [("Content-Type", "text/plain")])
    return [seen.encode(), b"|", content]
"""


@pytest.mark.anyio
async def test_a_wsgi_application(folder: Path, dialect: Dialect) -> None:
    """Names with an underscore are left out: CGI could not tell them from others."""
    pytest.importorskip("a2wsgi")
    name = module(folder, WSGI)
    application = load(AppConfig(target=f"{name}:app", app_dir=str(folder), wsgi=True))
    talk = Talk(dialect, application)
    number = talk.conversation.request(
        b"/a%20b?c=d",
        method=b"POST",
        fields=((b"x-one", b"1"), (b"x_one", b"2")),
        content=b"content",
    )
    await talk.until_whole(number)
    reply = talk.conversation.whole_reply(number, 201)
    assert reply.content == b"POST||/a b|c=d|1|http|content"
