"""Firefox: the local authority is trusted where ``install-ca`` puts it, and live reload works."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.localca.trust import Trust, status
from tests.support.browser import address, dev_server
from tests.support.edits import replace
from tests.support.firefox import BidiError, Firefox, FirefoxHome, firefox_home
from tests.support.marks import await_mark
from tests.support.processes import command
from tests.support.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LOADS = "Number(sessionStorage.loads)"
RED = "rgb(255, 0, 0)"
GREEN = "rgb(0, 128, 0)"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def page(title: str, content: str = "") -> str:
    return (
        f"<!doctype html><html><head><title>{title}</title>"
        "<script>sessionStorage.loads = Number(sessionStorage.loads || 0) + 1</script>"
        "<link rel=icon href='data:,'><link rel=stylesheet href=/style.css></head>"
        f"<body>{content}</body></html>"
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> FirefoxHome:
    return firefox_home(tmp_path_factory.mktemp("firefox"))


@pytest.fixture(scope="module")
def refused(home: FirefoxHome, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What Firefox says of a page before anything trusts the authority."""
    root = tmp_path_factory.mktemp("refused")
    (root / "index.html").write_text(page("first"))
    with home.started() as firefox, dev_server(firefox, root, tls=True) as server:
        with pytest.raises(BidiError) as caught:
            firefox.get(address(server))
        return str(caught.value)


@pytest.fixture(scope="module")
def trusting(home: FirefoxHome, refused: str) -> list[str]:
    """The stores into which the authority was put."""
    return home.trust()


@pytest.fixture(scope="module")
def started(home: FirefoxHome, trusting: list[str]) -> Iterator[Firefox]:
    with home.started() as firefox:
        yield firefox


@pytest.fixture
def firefox(started: Firefox) -> Iterator[Firefox]:
    """The module's Firefox, which knows nothing of earlier tests."""
    with started.forgetful():
        yield started


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.html").write_text(page("first", "<input id=name>"))
    (root / "style.css").write_text(f"body {{ background: {RED} }}")
    return root


def test_the_authority_is_trusted(
    home: FirefoxHome, refused: str, trusting: list[str], firefox: Firefox, root: Path
) -> None:
    """In the profile that Firefox made for itself, and not before."""
    assert "SEC_ERROR_UNKNOWN_ISSUER" in refused
    assert f"Firefox ({home.profile().name})" in trusting
    with dev_server(firefox, root, tls=True) as server:
        firefox.visit(address(server))
        assert firefox.run("document.title") == "first"
        assert firefox.run("isSecureContext") is True
        assert firefox.run("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        firefox.visit(f"https://127.0.0.1:{server.port}/")
    held = status(home.certificate.authority_file, home=home.home)
    assert [kept for store, kept in held if "Firefox" in store.who] == [Trust.TRUSTED]


def test_the_command_tells_that_firefox_trusts_it(home: FirefoxHome, firefox: Firefox) -> None:
    done = subprocess.run(
        command("install-ca", "--status"),
        env=home.plain_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    assert [f"Firefox ({home.profile().name})", "trusted"] in [
        [words[0], words[-1]] for words in lines
    ]


def test_a_newer_firefox_keeps_profiles_where_they_are_found(
    home: FirefoxHome, firefox: Firefox
) -> None:
    """``~/.config/mozilla/firefox`` since version 147, ``~/.mozilla/firefox`` before."""
    version = subprocess.run(
        [home.binary, "--version"], capture_output=True, text=True, check=True
    ).stdout
    major = int(version.split()[2].partition(".")[0])
    folder = ".config/mozilla/firefox" if major >= 147 else ".mozilla/firefox"
    assert home.profile().parent == home.home / folder


def test_a_page_reloads_once(firefox: Firefox, root: Path) -> None:
    with dev_server(firefox, root, tls=True) as server:
        firefox.visit(address(server))
        before = firefox.run(LOADS)
        firefox.run("(document.querySelector('#name').value = 'written', 0)")
        replace(root / "index.html", page("second", "<input id=name>"))
        firefox.wait("document.title", "second")
        firefox.wait("document.querySelector('#name').value", "written")
        await_mark(firefox, root)
        assert firefox.run(f"{LOADS} - {before}") == 1


def test_a_style_sheet_changes_in_place(firefox: Firefox, root: Path) -> None:
    with dev_server(firefox, root, tls=True) as server:
        firefox.visit(address(server))
        firefox.wait(BACKGROUND, RED)
        firefox.run("(window.marker = 'same page', 0)")
        replace(root / "style.css", f"body {{ background: {GREEN} }}")
        firefox.wait(BACKGROUND, GREEN)
        await_mark(firefox, root)
        assert firefox.run("window.marker") == "same page"


def test_a_rebuild_is_one_reload(firefox: Firefox, root: Path) -> None:
    with dev_server(firefox, root, tls=True) as server:
        firefox.visit(address(server))
        before = firefox.run(LOADS)
        for number in (1, 2):
            # As build tools do: empty the folder, write the page last.
            for old in root.iterdir():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            (root / "assets").mkdir()
            for chunk in range(20):
                (root / "assets" / f"chunk-{number}-{chunk}.js").write_text("1")
            (root / "style.css").write_text(f"body {{ background: {GREEN} }}")
            (root / "index.html").write_text(page(f"build {number}"))
            firefox.wait("document.title", f"build {number}")
            await_mark(firefox, root)
            assert firefox.run(f"{LOADS} - {before}") == number
        assert server.stdout().count("GET   404") == 0


def test_a_lost_connection_comes_back(firefox: Firefox, root: Path) -> None:
    overlay = (
        "(document.querySelector('h2static-status') || {shadowRoot: {textContent: ''}})"
        ".shadowRoot.textContent.includes('lost')"
    )
    port = free_port()
    with dev_server(firefox, root, tls=True, port=port) as server:
        firefox.visit(address(server))
    firefox.wait(overlay)
    replace(root / "index.html", page("second"))
    with dev_server(firefox, root, tls=True, port=port):
        firefox.wait("document.title", "second")
        firefox.wait_connected()
