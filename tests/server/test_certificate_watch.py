"""When a certificate counts as renewed, and what becomes of a renewal."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from h2static.config import Config
from h2static.errors import StartError
from h2static.server.certificate_watch import CertificateWatch, Renewal
from h2static.server.pool import Pool
from h2static.site.config import SiteConfig


class FakePool(Pool):
    """Runs work when it is told to, in the calling thread."""

    def __init__(self) -> None:
        super().__init__(lambda text: None)
        self.submitted: list[Callable[[], None]] = []

    def submit(self, work: Callable[[], None]) -> None:
        self.submitted.append(work)

    def finish(self) -> None:
        while self.submitted:
            self.submitted.pop(0)()
        self.run_posted()


class Watched:
    """A watch over two files."""

    def __init__(self, pool: FakePool, folder: Path, **values: object) -> None:
        self.folder = folder
        for name in ("tls.key", "tls.crt"):
            (folder / name).write_text("1")
        settings: dict[str, object] = {
            "key_file": str(folder / "tls.key"),
            "cert_file": str(folder / "tls.crt"),
            **values,
        }
        self.made = 0
        self.error: StartError | OSError | None = None
        self.used: list[ssl.SSLContext] = []
        self.lines: list[str] = []
        self.pool = pool
        config = Config(port=0, site=SiteConfig(root="/"), **settings)  # type: ignore[arg-type]  # by name
        self.watch = CertificateWatch((config,), self.make)

    def make(self) -> ssl.SSLContext:
        self.made += 1
        if self.error is not None:
            raise self.error
        return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def look(self, times: int = 1) -> None:
        renewal = Renewal(use=self.used.append, report=self.lines.append)
        for _ in range(times):
            self.watch.look(self.pool, renewal)
            self.pool.finish()


@pytest.fixture
def pool() -> Iterator[FakePool]:
    pool = FakePool()
    yield pool
    pool.close()


@pytest.fixture
def watched(pool: FakePool, tmp_path: Path) -> Watched:
    return Watched(pool, tmp_path)


def test_nothing_changes(watched: Watched) -> None:
    watched.look(5)
    assert (watched.made, watched.used, watched.lines) == (0, [], [])


def test_a_change_is_taken_up_when_it_is_over(watched: Watched) -> None:
    (watched.folder / "tls.crt").write_text("22")
    watched.look()
    (watched.folder / "tls.key").write_text("22")
    watched.look()
    assert watched.made == 0
    watched.look(5)
    assert (watched.made, len(watched.used)) == (1, 1)
    assert watched.lines == [f"now using the new certificate: {watched.folder}/tls.crt"]


@pytest.mark.parametrize("way", ["rename", "link", "linked folder"])
def test_a_change_behind_a_name(pool: FakePool, tmp_path: Path, way: str) -> None:
    """The last one is what Kubernetes does to a mounted secret."""
    for number in ("..1", "..2"):
        (tmp_path / number).mkdir()
        for name in ("tls.key", "tls.crt"):
            (tmp_path / number / name).write_text("1")
    if way == "linked folder":
        (tmp_path / "..data").symlink_to("..1")
    for name in ("tls.key", "tls.crt"):
        if way == "link":
            (tmp_path / name).symlink_to(f"..1/{name}")
        elif way == "linked folder":
            (tmp_path / name).symlink_to(f"..data/{name}")
    watched = Watched(pool, tmp_path)
    watched.look(3)
    if way == "linked folder":
        (tmp_path / "..data_tmp").symlink_to("..2")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    else:
        for name in ("tls.key", "tls.crt"):
            if way == "link":
                (tmp_path / "new").symlink_to(f"..2/{name}")
            else:
                (tmp_path / "new").write_text("1")
            (tmp_path / "new").rename(tmp_path / name)
    watched.look(2)
    assert (watched.made, len(watched.used)) == (1, 1)


@pytest.mark.parametrize("option", ["key_password_file", "client_ca", "dh_param_file"])
def test_everything_that_a_context_is_made_of_counts(
    pool: FakePool, tmp_path: Path, option: str
) -> None:
    file = tmp_path / "file"
    file.write_text("1")
    watched = Watched(pool, tmp_path, **{option: str(file)})
    file.write_text("22")
    watched.look(2)
    assert len(watched.used) == 1


@pytest.mark.parametrize(
    "error", [StartError("no PEM"), OSError(5, "Input/output error")], ids=["start", "system"]
)
def test_what_cannot_be_used_is_told_once_and_tried_again_when_it_changes(
    watched: Watched, error: StartError | OSError
) -> None:
    watched.error = error
    (watched.folder / "tls.crt").write_text("22")
    watched.look(5)
    assert (watched.made, watched.used) == (1, [])
    assert watched.lines == [f"the new certificate cannot be used; keeping the old one: {error}"]
    watched.error = None
    (watched.folder / "tls.key").write_text("22")
    watched.look(2)
    assert (watched.made, len(watched.used), len(watched.lines)) == (2, 1, 2)


def test_a_file_that_is_gone_and_comes_back(watched: Watched) -> None:
    watched.error = StartError("gone")
    key = watched.folder / "tls.key"
    key.rename(watched.folder / "kept")
    watched.look(3)
    assert len(watched.lines) == 1
    # As it was, which is another state than the one that was of no use.
    watched.error = None
    os.rename(watched.folder / "kept", key)
    watched.look(3)
    assert (len(watched.used), len(watched.lines)) == (1, 2)


def test_nobody_looks_while_somebody_still_looks(watched: Watched) -> None:
    renewal = Renewal(use=watched.used.append, report=watched.lines.append)
    for _ in range(3):
        watched.watch.look(watched.pool, renewal)
    assert len(watched.pool.submitted) == 1
    watched.pool.finish()
    watched.watch.look(watched.pool, renewal)
    assert len(watched.pool.submitted) == 1


def test_a_bug_does_not_end_the_looking(watched: Watched) -> None:
    (watched.folder / "tls.crt").write_text("22")
    watched.look()
    watched.error = ValueError("a bug")  # type: ignore[assignment]  # that is the bug
    with pytest.raises(ValueError, match="a bug"):
        watched.look()
    watched.pool.run_posted()
    watched.error = None
    (watched.folder / "tls.crt").write_text("333")
    watched.look(2)
    assert len(watched.used) == 1
