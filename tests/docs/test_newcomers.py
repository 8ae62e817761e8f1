"""What a newcomer does: each tutorial, and README, word for word, in a fresh environment.

Strategy: a wheel is built once, with a version that no index can have; a constraint makes ``pip
install h2static`` take it.  The pages make their environment in the home folder, which they share,
so that its packages are installed once.  A lock keeps the processes of pytest-xdist apart.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from h2static import __version__
from tests.docs.markdown import README, REPOSITORY, TUTORIALS, blocks_of
from tests.docs.terminal import Reader, play
from tests.support.tools import BUILD, in_ci, require_tool

pytestmark = [
    pytest.mark.slow,
    # Others may be first.
    pytest.mark.timeout(900),
    pytest.mark.skipif(BUILD == "compiled", reason="make release tries the compiled wheel"),
]


#: What a wheel is made of; with www and the Makefile, also what "make serve" needs.
SOURCES = ("h2static", "hpacktools", "hpack-test-case", "pyproject.toml", "README.md", "LICENSE")
#: Local versions cannot be uploaded.
VERSION = f"{__version__}+newcomer"


def _copy(names: Sequence[str], tree: Path) -> None:
    tree.mkdir(parents=True)
    for name in names:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tree / name)


def _built(folder: Path) -> Path:
    """A folder with the wheel."""
    tree, wheels = folder / "tree", folder / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    _copy(SOURCES, tree)
    version = tree / "h2static/version.py"
    version.write_text(version.read_text().replace(f'"{__version__}"', f'"{VERSION}"'))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", wheels, tree],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode and not in_ci():
        pytest.skip(f"pip cannot build the wheel: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return wheels


def _path() -> str:
    """Where programs are, this Python first, and without those of the environment of tests."""
    folders = os.environ["PATH"].split(os.pathsep)
    kept = [one for one in folders if Path(one) != Path(sys.prefix) / "bin"]
    return os.pathsep.join([f"{sys.base_prefix}/bin", *kept])


@pytest.fixture
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of someone who has Python and a home folder, and nothing of this project."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home = shared / "newcomer"
    with (shared / "newcomer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        constraint, wheels = shared / "newcomer.txt", shared / "newcomer-build/wheels"
        if not constraint.exists():
            home.mkdir(exist_ok=True)
            assert _built(wheels.parent) == wheels
            constraint.write_text(f"h2static=={VERSION}\n")
        yield {
            **{name: text for name, text in os.environ.items() if not name.startswith("PYTHON")},
            "PATH": _path(),
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "PIP_FIND_LINKS": f"{wheels} {os.environ.get('PIP_FIND_LINKS', '')}".strip(),
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache/pip")),
            "PIP_CONSTRAINT": str(constraint),
            "PIP_NO_COMPILE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }


@pytest.mark.parametrize("page", [*TUTORIALS, README], ids=lambda page: page.stem)
def test_the_path_of_a_newcomer(page: Path, newcomer: dict[str, str], tmp_path: Path) -> None:
    for tool, package in (("curl", "curl"), ("nghttp", "nghttp2-client"), ("openssl", "openssl")):
        require_tool(tool, package=package)
    if page == README:
        # It shows what a clone has.
        shutil.copytree(REPOSITORY / "www", tmp_path / "work/www")
        # The page's servers listen on every interface; these are for this machine only.
        (tmp_path / "work/h2static.toml").write_text('address = ["127.0.0.1", "::1"]\n')
    with Reader(tmp_path / "work", newcomer) as reader:
        play(reader, blocks_of(page), all_commands=True)


def test_make_serve(newcomer: dict[str, str], tmp_path: Path) -> None:
    """In a clone that is fresh, at a port of the system's choice."""
    for tool in ("curl", "make"):
        require_tool(tool, package=tool)
    _copy([*SOURCES, "www", "Makefile"], tmp_path / "clone")
    del newcomer["PIP_CONSTRAINT"]
    with Reader(tmp_path / "clone", newcomer) as reader:
        reader.type("make -s .venv/.project")
        reader.serve("make serve PORT=8080 ROOT='./www -a 127.0.0.1'")
        shown = "curl -s --http2-prior-knowledge http://127.0.0.1:8080/"
        assert reader.type(shown) == ((REPOSITORY / "www/index.html").read_text(), 0)
        reader.prints("… recv HEADERS frame …")
        reader.stop()
