"""``make release``: builds the distributions, tries each in a fresh environment, and signs.

    make release                   everything, from a clean checkout whose changelog has the version
    make release ARGS=--draft      builds and tries only; any checkout

Contract: ``dist/`` has the source distribution, the plain wheel, where there is a C compiler and a
build hook the compiled wheel of this Python, and their SHA256SUMS.  Nothing is uploaded.  What
cannot be signed is said: the tag needs ``git config user.signingkey``, SHA256SUMS the program
minisign and MINISIGN_KEY, the file of its key.

Strategy: the wheel is built from the source distribution, so that one that lacks a file fails.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from h2static.version import __version__
from release.install import Unfit, try_out
from release.notes import ROOT, Notes

DIST = ROOT / "dist"


def faults(version: str, root: Path = ROOT) -> list[str]:
    """What keeps a checkout from being released."""
    found = []
    if _git(root, "status", "--porcelain"):
        found.append("the checkout has changes that are not committed")
    if _git(root, "tag", "--list", f"v{version}"):
        found.append(f"there is a tag v{version}: python -m release.notes NEXT")
    titles = re.findall(r"^## (.*)$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    if not titles or not re.fullmatch(re.escape(version) + r" - \d{4}-\d\d-\d\d", titles[0]):
        found.append(f"CHANGELOG.md does not begin with {version}: make notes ARGS={version}")
    if Notes(root=root).fragments():
        found.append("changes/ has fragments that are in no release: make notes")
    return found


def build(*, compiled: bool) -> Path:
    """Build, and give the wheel: from sources with the hook, or from the source distribution."""
    words = [sys.executable, "-m", "build", "--outdir", str(DIST)]
    if compiled:
        words.append("--wheel")
    switch = {"HATCH_BUILD_HOOK_ENABLE_CUSTOM": "true" if compiled else "false"}
    before = set(DIST.glob("*.whl"))
    subprocess.run([*words, ROOT], check=True, env={**os.environ, **switch})
    made = set(DIST.glob("*.whl")) - before
    if len(made) != 1:
        raise Unfit(f"expected one new wheel, got {sorted(map(str, made))}")
    (wheel,) = made
    if compiled == wheel.name.endswith("-py3-none-any.whl"):
        raise Unfit(f"{wheel.name}: expected a compiled wheel: {compiled}")
    return wheel


def without_compiled_wheel() -> str | None:
    """Why there will be none, or ``None``."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    if "custom" not in wheel.get("hooks", {}):
        return "pyproject.toml has no build hook"
    if shutil.which("cc") is None:
        return "there is no C compiler (cc)"
    return None


def sign(version: str, *, tag: bool) -> list[str]:
    """Sign what there are keys for.  Returns what was done and what was not."""
    said = []
    key = os.environ.get("MINISIGN_KEY")
    minisign = shutil.which("minisign")
    if key and minisign:
        subprocess.run([minisign, "-S", "-s", key, "-m", DIST / "SHA256SUMS"], check=True)
        said.append("SHA256SUMS is signed with minisign.")
    else:
        reason = "minisign is not installed" if key else "MINISIGN_KEY is not set"
        said.append(f"SHA256SUMS is not signed: {reason}.")
    if not tag:
        said.append("A draft has no tag.")
    elif _git(ROOT, "config", "user.signingkey"):
        name = f"v{version}"
        subprocess.run(["git", "tag", "-s", "-m", f"h2static {version}", name], check=True)
        said.append(f"The tag {name} is signed: git push origin {name}")
    else:
        said.append("There is no tag: git config user.signingkey is not set.")
    return said


def _git(root: Path, *words: str) -> str:
    """What git prints; nothing where it fails, as ``config`` does for what is not set."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main() -> None:
    """Release."""
    parser = argparse.ArgumentParser(prog="release", description="Build, try and sign.")
    parser.add_argument("--draft", action="store_true", help="build and try only")
    options = parser.parse_args()
    if not options.draft and (found := faults(__version__)):
        raise SystemExit("\n".join(f"release: {fault}" for fault in found))
    shutil.rmtree(DIST, ignore_errors=True)
    try:
        wheel = build(compiled=False)
        (source,) = DIST.glob("*.tar.gz")
        for distribution in (source, wheel):
            try_out(distribution, __version__)
            print(f"{distribution.name} works.", flush=True)
        reason = without_compiled_wheel()
        if reason is None:
            wheel = build(compiled=True)
            try_out(wheel, __version__, compiled=True)
            print(f"{wheel.name} works.", flush=True)
        else:
            print(f"No compiled wheel: {reason}.")
    except (Unfit, subprocess.CalledProcessError) as error:
        raise SystemExit(f"release: {error}") from None
    files = sorted(path for path in DIST.iterdir() if path.suffix in (".gz", ".whl"))
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (DIST / "SHA256SUMS").write_text("".join(lines))
    print("\n".join([f"{p.name}: {p.stat().st_size:,} octets" for p in files]))
    print("\n".join(sign(__version__, tag=not options.draft)))


if __name__ == "__main__":
    main()
