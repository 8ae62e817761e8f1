"""Options of applications: from words and tables to what is served where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from h2static.asgi.config import AppConfig, LifespanMode
from h2static.command.command_line import parse
from h2static.command.configure import configure
from h2static.command.options import OPTIONS
from h2static.command.toml_config import read_file
from h2static.config import Config
from h2static.errors import UsageError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: it has ``www``."""
    (tmp_path / "www").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def decide(*words: str, file: dict[str, object] | None = None) -> Config:
    line = parse(("--no-tls", *words), OPTIONS)
    return configure(line.operands, line.values, file or {})


def from_file(folder: Path, text: str, *words: str) -> Config:
    path = folder / "h2static.toml"
    path.write_text(text)
    return decide(*words, "8080", file=read_file(str(path)).values)


def shape(config: Config) -> list[tuple[object, ...]]:
    return [(one.prefix, one.target, one.factory, one.wsgi, one.lifespan) for one in config.apps]


AUTO, ON, OFF = LifespanMode.AUTO, LifespanMode.ON, LifespanMode.OFF


def test_without_a_folder_everything_is_the_applications(folder: Path) -> None:
    config = decide("--app", "shop.main:app", "8080")
    assert config.apps == (AppConfig(target="shop.main:app", app_dir=str(folder)),)
    assert not config.folder
    assert decide("8080").folder
    assert decide("--app", "a:b", "8080", "www").folder
    assert decide("--app", "a:b", "-d", "www", "8080").folder


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--app", "a:b"], [("", "a:b", False, False, AUTO)]),
        (["--app=/=a:b"], [("", "a:b", False, False, AUTO)]),
        (["--app", "/api=a:b"], [("/api", "a:b", False, False, AUTO)]),
        (["--app", "/api/=a:b"], [("/api", "a:b", False, False, AUTO)]),
        (
            ["--app", "/a=x:y", "--app", "/a/b=x.y:z.w", "--app", "c:d"],
            [
                ("/a", "x:y", False, False, AUTO),
                ("/a/b", "x.y:z.w", False, False, AUTO),
                ("", "c:d", False, False, AUTO),
            ],
        ),
        (["--app", "a:b", "--factory"], [("", "a:b", True, False, AUTO)]),
        (["--app", "a:b", "--wsgi", "--lifespan", "off"], [("", "a:b", False, True, OFF)]),
        (
            ["--app", "/a=x:y,wsgi", "--app", "/b=x:y,factory,lifespan=on", "--lifespan", "off"],
            [("/a", "x:y", False, True, OFF), ("/b", "x:y", True, False, ON)],
        ),
    ],
)
def test_words(words: list[str], expected: list[tuple[object, ...]]) -> None:
    assert shape(decide(*words, "8080")) == expected


def test_modules_are_looked_for_where_the_option_says(folder: Path) -> None:
    config = decide("--app", "a:b", "--app-dir", "src", "8080")
    assert config.apps[0].app_dir == os.path.join(folder, "src")


def test_a_file(folder: Path) -> None:
    config = from_file(
        folder,
        """
        app-dir = "src"

        [app]
        target = "shop:app"
        lifespan = "on"

        [app."/api"]
        target = "api:make"
        factory = true

        [app."/old"]
        target = "old:wsgi"
        wsgi = true
        """,
    )
    assert shape(config) == [
        ("", "shop:app", False, False, ON),
        ("/api", "api:make", True, False, AUTO),
        ("/old", "old:wsgi", False, True, AUTO),
    ]
    assert {one.app_dir for one in config.apps} == {os.path.join(folder, "src")}


def test_a_file_in_short(folder: Path) -> None:
    config = from_file(folder, '[app]\n"/api" = "api:app"\n')
    assert shape(config) == [("/api", "api:app", False, False, AUTO)]
    config = from_file(folder, 'app = ["/api=api:app", "shop:app"]\n')
    assert shape(config) == [
        ("/api", "api:app", False, False, AUTO),
        ("", "shop:app", False, False, AUTO),
    ]


def test_words_come_before_the_file(folder: Path) -> None:
    config = from_file(folder, '[app]\ntarget = "shop:app"\n', "--app", "other:app")
    assert shape(config) == [("", "other:app", False, False, AUTO)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--app", "a"], "'a' is not MODULE:ATTRIBUTE"),
        (["--app", "a:"], "'a:' is not MODULE:ATTRIBUTE"),
        (["--app", ""], "is not MODULE:ATTRIBUTE"),
        (["--app", "/api"], "'/api': expected PREFIX=MODULE:ATTRIBUTE"),
        (["--app", "/a b=x:y"], "'/a b' is not a path prefix like /api"),
        (["--app", "//=x:y"], "'//' is not a path prefix like /api"),
        (["--app", "api=x:y"], "'api=x:y' is not MODULE:ATTRIBUTE"),
        (["--app", "a:b,fast"], "'fast': expected factory, wsgi or lifespan=MODE"),
        (["--app", "a:b,lifespan=no"], "'no' is not one of auto, on, off"),
        (["--app", "a:b", "--lifespan", "no"], "'no'"),
        (["--app", "a:b", "--app", "c:d"], "several applications without a prefix"),
        (["--app", "/x=a:b", "--app", "/x/=c:d"], "several applications under /x"),
        (["--factory"], "--factory requires --app"),
        (["--wsgi"], "--wsgi requires --app"),
        (["--lifespan", "on"], "--lifespan requires --app"),
        (["--app-dir", "x"], "--app-dir requires --app"),
    ],
)
def test_what_is_wrong(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        decide(*words, "8080")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "[app]\nlifespan = 'on'\n",
        "[app]\ntarget = 1\n",
        "[app]\ntarget = 'a:b'\nfast = true\n",
        "[app.'/x']\nfactory = true\n",
        "[app.'x']\ntarget = 'a:b'\n",
    ],
)
def test_tables_that_are_wrong(folder: Path, text: str) -> None:
    with pytest.raises(UsageError):
        from_file(folder, text)


def test_dev_mode_lists_no_folders_where_an_application_may_have_them() -> None:
    assert decide("--dev", "8080", "www").site.listing
    assert decide("--dev", "--app", "/api=a:b", "8080", "www").site.listing
    assert not decide("--dev", "--app", "a:b", "8080", "www").site.listing
    assert decide("--dev", "--app", "a:b", "--listing", "8080", "www").site.listing
