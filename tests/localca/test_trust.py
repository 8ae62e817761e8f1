"""Making the local authority trusted, and taking that back."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from h2static.command import commands
from h2static.localca import certificates, stores
from h2static.localca.certificates import Certificate, ensure_certificate
from h2static.localca.stores import Store, StoreKind, find_stores
from h2static.localca.trust import (
    Step,
    Trust,
    install,
    install_step,
    instructions,
    is_noted,
    run_step,
    status,
    trust_in,
    uninstall,
    uninstall_step,
)
from tests.support.tools import require_tool


@pytest.fixture(autouse=True)
def _linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return ensure_certificate(folder=tmp_path / "data")


def of_browsers(home: Path) -> list[Store]:
    """The stores that need no superuser."""
    return [one for one in find_stores(home=home) if one.kind is StoreKind.NSS]


def make_database(place: Path) -> None:
    place.mkdir(parents=True)
    new = ["certutil", "-d", f"sql:{place}", "-N", "--empty-password"]
    subprocess.run(new, check=True)


FIREFOX = {
    ".mozilla/firefox": "Firefox",
    ".config/mozilla/firefox": "Firefox",
    "snap/firefox/common/.mozilla/firefox": "Firefox, Snap",
    "snap/firefox/current/.config/mozilla/firefox": "Firefox, Snap",
    ".var/app/org.mozilla.firefox/.mozilla/firefox": "Firefox, Flatpak",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox": "Firefox, Flatpak",
    ".librewolf": "LibreWolf",
}


@pytest.mark.parametrize("folder", FIREFOX)
def test_profiles_of_firefox_wherever_they_are(tmp_path: Path, folder: str) -> None:
    profile = tmp_path / folder / "abc.default"
    profile.mkdir(parents=True)
    # A profile is one once it has a database.
    assert [one.who for one in of_browsers(tmp_path)] == ["Chrome, Chromium"]
    (profile / "cert9.db").touch()
    found = of_browsers(tmp_path)[1:]
    assert [(one.who, one.place) for one in found] == [
        (f"{FIREFOX[folder]} (abc.default)", profile)
    ]


def test_a_folder_for_configuration_that_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    profile = tmp_path / "elsewhere" / "mozilla" / "firefox" / "abc.default"
    profile.mkdir(parents=True)
    (profile / "cert9.db").touch()
    found = find_stores(environment={"XDG_CONFIG_HOME": str(tmp_path / "elsewhere")})
    assert profile in [one.place for one in found]


def test_one_profile_under_two_names_is_one(tmp_path: Path) -> None:
    profile = tmp_path / ".mozilla" / "firefox" / "abc.default"
    profile.mkdir(parents=True)
    (profile / "cert9.db").touch()
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config" / "mozilla").symlink_to(tmp_path / ".mozilla")
    assert len(of_browsers(tmp_path)) == 2


def test_stores_of_chromium(tmp_path: Path) -> None:
    (tmp_path / "snap" / "chromium" / "current").mkdir(parents=True)
    (tmp_path / ".var" / "app" / "com.google.Chrome").mkdir(parents=True)
    (tmp_path / ".local" / "share" / "pki" / "nssdb").mkdir(parents=True)
    places = {one.who: one.place for one in of_browsers(tmp_path)}
    assert places["Chromium, Snap"] == tmp_path / "snap/chromium/current/.pki/nssdb"
    assert places["Chrome, Flatpak"] == tmp_path / ".var/app/com.google.Chrome/.pki/nssdb"
    assert tmp_path / ".local/share/pki/nssdb" in [one.place for one in of_browsers(tmp_path)]


def test_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    profile = tmp_path / "Library" / "Application Support" / "Firefox" / "Profiles" / "a.default"
    profile.mkdir(parents=True)
    (profile / "cert9.db").touch()
    keychain, firefox = find_stores(home=tmp_path)
    step = install_step(keychain, "/ca.pem")
    assert step.commands[0][:2] == ("security", "add-trusted-cert")
    assert step.privileged
    assert firefox.place == profile


def test_instructions_name_everything(tmp_path: Path) -> None:
    certificate = ensure_certificate(folder=tmp_path / "with space")
    text = instructions(certificate, find_stores(home=tmp_path))
    assert certificate.fingerprint in re.sub(r"\n *", ":", text)
    assert f"'{certificate.authority_file}'" in text


def test_instructions_fit_into_a_terminal_and_into_a_shell(certificate: Certificate) -> None:
    shown = replace(certificate, authority_file="/home/somebody/.local/share/h2static/ca.pem")
    found = find_stores(home=Path("/home/somebody"))
    text = instructions(shown, found)
    assert max(map(len, text.splitlines())) <= 80
    written = [
        shlex.split(line)
        for line in text.replace("\\\n", "").splitlines()
        if line.startswith("  ") and not line.startswith("  #") and ":" not in line[:12]
    ]
    steps = [install_step(store, shown.authority_file) for store in found]
    assert written == [
        (["sudo"] if step.privileged else []) + list(command)
        for step in steps
        for command in step.commands
    ]


def test_a_missing_program_is_named_with_what_brings_it(tmp_path: Path) -> None:
    store = of_browsers(tmp_path)[0]
    step = Step(store=store, commands=(("true",),), privileged=False, needs="no-such-program")
    problem = run_step(step)
    assert problem is not None
    assert problem.startswith("no-such-program is missing; install it (Debian and Ubuntu: libnss3-")


def test_a_failing_command_is_told(tmp_path: Path) -> None:
    store = of_browsers(tmp_path)[0]
    step = Step(store=store, commands=(("false",), ("touch", "/nonexistent/x")), privileged=False)
    problem = run_step(step)
    assert problem is not None
    assert problem.startswith("false: ")


def test_without_the_means_nothing_is_called_done(
    tmp_path: Path, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_tool("certutil", package="libnss3-tools")
    make_database(tmp_path / ".mozilla" / "firefox" / "abc.default")
    monkeypatch.setenv("PATH", str(tmp_path))
    outcomes = install(certificate, of_browsers(tmp_path))
    assert [one.done for one in outcomes] == [False, False]
    assert all("certutil is missing" in one.text for one in outcomes)
    assert not is_noted(certificate)


def test_every_store_from_nothing_to_trust_and_back(
    tmp_path: Path, certificate: Certificate
) -> None:
    require_tool("certutil", package="libnss3-tools")
    for folder in (".config/mozilla/firefox", ".var/app/org.mozilla.firefox/.mozilla/firefox"):
        make_database(tmp_path / folder / "abc.default")

    def states() -> list[Trust]:
        held = status(certificate.authority_file, home=tmp_path)
        return [state for store, state in held if store.kind is StoreKind.NSS]

    assert states() == [Trust.ABSENT] * 3
    assert not is_noted(certificate)
    outcomes = install(certificate, of_browsers(tmp_path))
    assert [one.text for one in outcomes] == ["now trusted"] * 3
    assert states() == [Trust.TRUSTED] * 3
    assert is_noted(certificate)
    # A second time is harmless.
    outcomes = install(certificate, of_browsers(tmp_path))
    assert [one.text for one in outcomes] == ["already trusted"] * 3
    outcomes = uninstall(certificate, of_browsers(tmp_path))
    assert [(one.done, one.text) for one in outcomes] == [(True, "no longer trusted")] * 3
    assert states() == [Trust.ABSENT] * 3
    assert not is_noted(certificate)
    (one, *_) = uninstall(certificate, of_browsers(tmp_path))
    assert (one.done, one.text) == (True, "not trusted; nothing to do")


def test_an_authority_that_was_made_anew_takes_the_place_of_the_old_one(
    tmp_path: Path, certificate: Certificate
) -> None:
    require_tool("certutil", package="libnss3-tools")
    (store,) = of_browsers(tmp_path)
    install(certificate, [store])
    shutil.rmtree(tmp_path / "data")
    other = ensure_certificate(folder=tmp_path / "data")
    (store,) = of_browsers(tmp_path)
    assert trust_in(store, other.authority_file) is Trust.OLD
    assert install(other, [store])[0].text == "now trusted"
    assert trust_in(store, other.authority_file) is Trust.TRUSTED


def test_the_systems_folder(tmp_path: Path, certificate: Certificate) -> None:
    store = Store(
        who="the system",
        kind=StoreKind.ANCHORS,
        place=tmp_path / "anchors" / "ca.crt",
        refresh=("true",),
    )
    (tmp_path / "anchors").mkdir()
    assert trust_in(store, certificate.authority_file) is Trust.ABSENT
    for command in install_step(store, certificate.authority_file).commands:
        subprocess.run(command, check=True)
    assert trust_in(store, certificate.authority_file) is Trust.TRUSTED
    store.place.write_text("something else")
    assert trust_in(store, certificate.authority_file) is Trust.UNKNOWN
    for command in uninstall_step(store, certificate.authority_file).commands:
        subprocess.run(command, check=True)
    assert trust_in(store, certificate.authority_file) is Trust.ABSENT


def test_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require_tool("certutil", package="libnss3-tools")
    monkeypatch.setattr(certificates, "data_folder", lambda: tmp_path / "data")
    monkeypatch.setattr(stores, "_anchors", lambda: iter(()))
    monkeypatch.setenv("HOME", str(tmp_path))
    install_ca, uninstall_ca = (commands.COMMANDS[one][0] for one in ("install-ca", "uninstall-ca"))
    assert install_ca(["--status"]) == 1
    assert capsys.readouterr().out == "Chrome, Chromium  not trusted\n"
    assert install_ca(["--yes"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Chrome, Chromium  now trusted\nFirefox: no profile found;")
    assert install_ca(["--status"]) == 0
    capsys.readouterr()
    assert uninstall_ca([]) == 0
    assert capsys.readouterr().out.startswith("Chrome, Chromium  no longer trusted\n")
