"""Adds the local CA to trust stores, and removes it.

Contract: :func:`install` and :func:`uninstall` change every store that
:mod:`h2static.localca.stores` finds and report the result for each; :func:`status` reports which
stores trust the CA.  :func:`instructions` returns instructions for running the commands by hand.
The result for all stores is noted next to the CA, so that a server need not check again.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from h2static.localca.certificates import AUTHORITY_NAME, Certificate, fingerprint_of
from h2static.localca.stores import Store, StoreKind, find_stores

#: What a terminal shows at least.
_COLUMNS = 80
#: The program that changes databases of NSS, and what brings it.
_CERTUTIL = "certutil"
_PACKAGES = "Debian and Ubuntu: libnss3-tools, Fedora: nss-tools, Arch and Homebrew: nss"
#: The file beside the authority that says that every store trusts it.
_NOTE = "trusted"


class Trust(StrEnum):
    """What a store holds."""

    TRUSTED = "trusted"
    #: A CA that was re-created since.
    OLD = "an older authority of h2static"
    ABSENT = "not trusted"
    UNKNOWN = "unknown"


@dataclass(slots=True, kw_only=True, frozen=True)
class Outcome:
    """What became of one store."""

    store: Store
    #: Whether it is as it was wanted now.
    done: bool
    #: What was done, or what to do.
    text: str


@dataclass(slots=True, kw_only=True, frozen=True)
class Step:
    """Commands that change one store."""

    store: Store
    commands: tuple[tuple[str, ...], ...]
    #: Whether the commands are for the superuser.
    privileged: bool
    #: A program that must be there.
    needs: str = ""


def install_step(store: Store, authority_file: str) -> Step:
    """What makes ``store`` trust the authority."""
    place = str(store.place)
    if store.kind is StoreKind.KEYCHAIN:
        trust = ("security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", place)
        return Step(store=store, commands=((*trust, authority_file),), privileged=True)
    if store.kind is StoreKind.ANCHORS:
        copy = ("cp", authority_file, place)
        return Step(store=store, commands=(copy, store.refresh), privileged=True)
    database = f"sql:{place}"
    add = (_CERTUTIL, "-d", database, "-A", "-t", "C,,", "-n", AUTHORITY_NAME)
    commands: list[tuple[str, ...]] = [(*add, "-i", authority_file)]
    if not store.exists:
        new = (_CERTUTIL, "-d", database, "-N", "--empty-password")
        commands = [("mkdir", "-p", place), new, *commands]
    return Step(store=store, commands=tuple(commands), privileged=False, needs=_CERTUTIL)


def uninstall_step(store: Store, authority_file: str) -> Step:
    """What makes ``store`` trust the authority no longer."""
    place = str(store.place)
    if store.kind is StoreKind.KEYCHAIN:
        remove = ("security", "remove-trusted-cert", "-d", authority_file)
        return Step(store=store, commands=(remove,), privileged=True)
    if store.kind is StoreKind.ANCHORS:
        return Step(store=store, commands=(("rm", "-f", place), store.refresh), privileged=True)
    delete = (_CERTUTIL, "-d", f"sql:{place}", "-D", "-n", AUTHORITY_NAME)
    return Step(store=store, commands=(delete,), privileged=False, needs=_CERTUTIL)


def trust_in(store: Store, authority_file: str) -> Trust:
    """What ``store`` holds now."""
    if not store.exists:
        return Trust.ABSENT
    try:
        wanted = fingerprint_of(Path(authority_file).read_bytes())
        if store.kind is StoreKind.KEYCHAIN:
            known = _output("security", "verify-cert", "-c", authority_file) is not None
            return Trust.TRUSTED if known else Trust.ABSENT
        if store.kind is StoreKind.ANCHORS:
            found: bytes | None = store.place.read_bytes() if store.place.exists() else None
        elif shutil.which(_CERTUTIL) is None:
            return Trust.UNKNOWN
        else:
            database = f"sql:{store.place}"
            found = _output(_CERTUTIL, "-d", database, "-L", "-n", AUTHORITY_NAME, "-a")
        if found is None:
            return Trust.ABSENT
        return Trust.TRUSTED if fingerprint_of(found) == wanted else Trust.OLD
    except (OSError, ValueError):
        return Trust.UNKNOWN


def status(authority_file: str, *, home: Path | None = None) -> list[tuple[Store, Trust]]:
    """Every store, and what it holds."""
    return [(store, trust_in(store, authority_file)) for store in find_stores(home=home)]


def install(certificate: Certificate, stores: Sequence[Store]) -> list[Outcome]:
    """Have the authority trusted in ``stores``; asks for the superuser's rights where needed."""
    outcomes = [_install_in(store, certificate.authority_file) for store in stores]
    if all(one.done for one in outcomes):
        note = _note_of(certificate)
        note.write_text(certificate.fingerprint, encoding="ascii")
    return outcomes


def _install_in(store: Store, authority_file: str) -> Outcome:
    before = trust_in(store, authority_file)
    if before is Trust.TRUSTED:
        return Outcome(store=store, done=True, text="already trusted")
    if before is Trust.OLD and store.kind is StoreKind.NSS:
        run_step(uninstall_step(store, authority_file))
    problem = run_step(install_step(store, authority_file))
    made = replace(store, exists=True)
    if problem is None and trust_in(made, authority_file) is not Trust.TRUSTED:
        problem = "the commands succeeded, but the authority is still not trusted"
    if problem is not None:
        return Outcome(store=store, done=False, text=problem)
    return Outcome(store=store, done=True, text="now trusted")


def uninstall(certificate: Certificate, stores: Sequence[Store]) -> list[Outcome]:
    """Remove the CA from every store."""
    _note_of(certificate).unlink(missing_ok=True)
    outcomes = []
    for store in stores:
        done, text = True, "not trusted; nothing to do"
        if trust_in(store, certificate.authority_file) is not Trust.ABSENT:
            problem = run_step(uninstall_step(store, certificate.authority_file))
            done, text = problem is None, problem or "no longer trusted"
        outcomes.append(Outcome(store=store, done=done, text=text))
    return outcomes


def is_noted(certificate: Certificate) -> bool:
    """Whether every store was made to trust the authority."""
    try:
        return _note_of(certificate).read_text(encoding="ascii") == certificate.fingerprint
    except (OSError, UnicodeDecodeError):
        return False


def _note_of(certificate: Certificate) -> Path:
    return Path(certificate.authority_file).with_name(_NOTE)


def run_step(step: Step) -> str | None:
    """Run commands, with ``sudo`` where that is needed; what went wrong, and what to do then."""
    if step.needs and shutil.which(step.needs) is None:
        return f"{step.needs} is missing; install it ({_PACKAGES}) and run this again"
    prefix: tuple[str, ...] = ()
    if step.privileged and os.geteuid() != 0:
        if shutil.which("sudo") is None:
            shown = "; ".join(shlex.join(one) for one in step.commands)
            return f"not done; run as root: {shown}"
        prefix = ("sudo",)
    for command in step.commands:
        try:
            # Fixed programs with paths of our own; no shell.
            subprocess.run((*prefix, *command), check=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            return f"{shlex.join(command)}: {error}"
    return None


def _output(*command: str) -> bytes | None:
    """What ``command`` prints; ``None`` when it fails."""
    # As above.
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    return done.stdout if done.returncode == 0 else None


# ---------------------------------------------------------------------- texts


def browsers_not_found(stores: Sequence[Store]) -> list[str]:
    """What to say of browsers that have no store yet."""
    if any("Firefox" in store.who for store in stores):
        return []
    return ["Firefox: no profile found; if you use Firefox, start it once and run this again"]


def instructions(
    certificate: Certificate,
    stores: Sequence[Store],
    step_for: Callable[[Store, str], Step] = install_step,
) -> str:
    """What ``h2static install-ca`` prints: who needs which commands."""
    lines = [
        f"Local certificate authority: {certificate.authority_file}",
        f"SHA-256 {certificate.fingerprint[:47]}",
        f"        {certificate.fingerprint[48:]}",
        "",
        "To trust it, run h2static install-ca --yes, or by hand:",
    ]
    for store in stores:
        step = step_for(store, certificate.authority_file)
        lines.append("")
        needs = f" (with {step.needs})" if step.needs else ""
        lines.append(f"  # {store.who}{needs}")
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


def restart_hint() -> str:
    """What people have to do after a change."""
    close = "quit (Cmd-Q) and start" if sys.platform == "darwin" else "close and start"
    return f"Open browsers notice the change only after you {close} them again."
