"""Who has to be told to trust the local certificate authority, and how.

Contract: :func:`install_steps` lists the commands for this system and for browsers that keep a
store of their own; :func:`install` runs them; :func:`instructions` is the text for people.  Nothing
is changed unless :func:`install` is called.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from h2static.localca.certificates import AUTHORITY_NAME, Certificate

#: What a terminal shows at least.
_COLUMNS = 80


@dataclass(slots=True, kw_only=True, frozen=True)
class Step:
    """One command that makes the authority trusted by somebody."""

    #: Who trusts it afterwards.
    who: str
    commands: tuple[tuple[str, ...], ...]
    #: Whether the commands are for the superuser.
    privileged: bool
    #: A program that must be there, and the Debian package that brings it.
    needs: tuple[str, str] | None = None


def install_steps(authority_file: str, *, home: Path | None = None) -> list[Step]:
    """What makes the system, and browsers with a store of their own, trust the authority."""
    if sys.platform == "darwin":
        keychain = "/Library/Keychains/System.keychain"
        add = ("security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", keychain)
        return [
            Step(who="macOS, Safari, Chrome", commands=((*add, authority_file),), privileged=True)
        ]
    steps = []
    anchor = _system_anchor()
    if anchor is not None:
        folder, refresh = anchor
        copy = ("cp", authority_file, f"{folder}/h2static-local-ca.crt")
        steps.append(Step(who="the system, curl", commands=(copy, refresh), privileged=True))
    for who, database, exists in _nss_databases(home if home is not None else Path.home()):
        add = ("certutil", "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", AUTHORITY_NAME)
        commands: list[tuple[str, ...]] = [(*add, "-i", authority_file)]
        if not exists:
            new = ("certutil", "-d", f"sql:{database}", "-N", "--empty-password")
            commands = [("mkdir", "-p", str(database)), new, *commands]
        steps.append(
            Step(
                who=who,
                commands=tuple(commands),
                privileged=False,
                needs=("certutil", "libnss3-tools"),
            )
        )
    return steps


def _system_anchor() -> tuple[str, tuple[str, ...]] | None:
    """Where a Linux distribution keeps what it trusts, and what reads it anew."""
    for folder, refresh in (
        ("/usr/local/share/ca-certificates", ("update-ca-certificates",)),
        ("/etc/pki/ca-trust/source/anchors", ("update-ca-trust", "extract")),
        ("/etc/ca-certificates/trust-source/anchors", ("trust", "extract-compat")),
    ):
        if os.path.isdir(folder):
            return folder, refresh
    return None


def _nss_databases(home: Path) -> list[tuple[str, Path, bool]]:
    """Certificate stores of browsers: Chromium's (which may have to be made) and Firefox's."""
    shared = home / ".pki" / "nssdb"
    found = [("Chrome, Chromium", shared, (shared / "cert9.db").exists())]
    for base in (".mozilla/firefox", "snap/firefox/common/.mozilla/firefox"):
        found += [
            (f"Firefox ({profile.parent.name})", profile.parent, True)
            for profile in sorted((home / base).glob("*/cert9.db"))
        ]
    return found


def install(steps: Sequence[Step]) -> list[str]:
    """Run ``steps``, with ``sudo`` where that is needed; returns what went wrong, one line each."""
    problems = []
    for step in steps:
        if step.needs is not None and shutil.which(step.needs[0]) is None:
            program, package = step.needs
            problems.append(f"{step.who}: {program} is missing (Debian package {package})")
            continue
        for command in step.commands:
            prefix = ("sudo",) if step.privileged and os.geteuid() != 0 else ()
            try:
                # Fixed programs with paths of our own; no shell.
                subprocess.run((*prefix, *command), check=True)  # noqa: S603
            except (OSError, subprocess.CalledProcessError) as error:
                problems.append(f"{step.who}: {' '.join(command)}: {error}")
                break
    return problems


def instructions(certificate: Certificate) -> str:
    """What ``h2static install-ca`` prints: who needs which commands."""
    lines = [
        f"The local certificate authority: {certificate.authority_file}",
        f"SHA-256 {certificate.fingerprint[:47]}",
        f"        {certificate.fingerprint[48:]}",
        "",
        "To have it trusted, run h2static install-ca --yes, or by hand:",
    ]
    for step in install_steps(certificate.authority_file):
        lines.append("")
        needs = f" (with {step.needs[0]}: Debian package {step.needs[1]})" if step.needs else ""
        lines.append(f"  # {step.who}{needs}")
        for command in step.commands:
            lines.extend(_shell(("sudo", *command) if step.privileged else command))
    return "\n".join(lines)


def _shell(command: Sequence[str]) -> list[str]:
    """``command`` for a shell, in lines that a terminal does not break if words allow it."""
    lines = [" "]
    for word in map(shlex.quote, command):
        # Two columns are for the space and the backslash after a line that goes on.
        if lines[-1].strip() and len(lines[-1]) + 1 + len(word) > _COLUMNS - 2:
            lines[-1] += " \\"
            lines.append("     ")
        lines[-1] += f" {word}"
    return lines
