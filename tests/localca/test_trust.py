"""Making the local authority trusted."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from h2static.localca.certificates import ensure_certificate
from h2static.localca.trust import Step, install, install_steps, instructions
from tests.support.tools import require_tool


def test_every_store_has_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    profile = tmp_path / ".mozilla" / "firefox" / "abc.default"
    profile.mkdir(parents=True)
    (profile / "cert9.db").touch()
    steps = install_steps("/ca.pem", home=tmp_path)
    who = [step.who for step in steps]
    assert who[-2:] == ["Chrome, Chromium", "Firefox (abc.default)"]
    # Chromium's store does not exist yet: it is made.
    assert len(steps[-2].commands) == 3
    assert len(steps[-1].commands) == 1
    assert all(not step.privileged for step in steps[-2:])


def test_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    (step,) = install_steps("/ca.pem", home=tmp_path)
    assert step.commands[0][:2] == ("security", "add-trusted-cert")
    assert step.privileged


def test_instructions_name_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    certificate = ensure_certificate(folder=tmp_path / "with space")
    text = instructions(certificate)
    assert certificate.fingerprint in re.sub(r"\n *", ":", text)
    assert f"'{certificate.authority_file}'" in text


def test_instructions_fit_into_a_terminal_and_into_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", "/home/somebody")
    certificate = ensure_certificate(folder=tmp_path / "data")
    shown = replace(certificate, authority_file="/home/somebody/.local/share/h2static/ca.pem")
    text = instructions(shown)
    assert max(map(len, text.splitlines())) <= 80
    commands = [
        shlex.split(line)
        for line in text.replace("\\\n", "").splitlines()
        if line.startswith("  ") and not line.startswith("  #") and ":" not in line[:12]
    ]
    assert commands == [
        (["sudo"] if step.privileged else []) + list(command)
        for step in install_steps(shown.authority_file)
        for command in step.commands
    ]


def test_a_missing_program_is_named() -> None:
    step = Step(who="x", commands=(("true",),), privileged=False, needs=("no-such-program", "pkg"))
    assert install([step]) == ["x: no-such-program is missing (Debian package pkg)"]


def test_a_failing_command_is_told() -> None:
    step = Step(who="x", commands=(("false",), ("touch", "/nonexistent/x")), privileged=False)
    (problem,) = install([step])
    assert problem.startswith("x: false: ")


def test_chromium_store(tmp_path: Path) -> None:
    require_tool("certutil", package="libnss3-tools")
    certificate = ensure_certificate(folder=tmp_path / "data")
    home = tmp_path / "home"
    steps = [
        step for step in install_steps(certificate.authority_file, home=home) if not step.privileged
    ]
    assert install(steps) == []
    # A second time is harmless.
    steps = [
        step for step in install_steps(certificate.authority_file, home=home) if not step.privileged
    ]
    assert install(steps) == []
    listed = subprocess.run(
        ["certutil", "-d", f"sql:{home / '.pki' / 'nssdb'}", "-L"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "h2static local CA" in listed.stdout
    assert "C,," in listed.stdout
