"""Builds the hot modules with mypyc, where that is asked for: a hook of hatchling.

Contract: a wheel that is built with ``HATCH_BUILD_HOOK_ENABLE_CUSTOM=true`` has compiled modules
beside their sources, for one version of Python and one platform.  Without it the hook does not run
and asks for nothing: the wheel is the plain one, which needs no compiler.

Strategy: mypyc writes its C and its libraries below the current folder, so it runs in a copy of the
packages; nothing in the source tree changes, and no build finds the remains of another.  One
library holds all modules, so that they call each other without going through Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = ("h2static", "hpacktools")
#: 0 is for those who are in a hurry, and build in a quarter of the time.
OPTIMIZATION = os.environ.get("H2STATIC_OPTIMIZATION", "3")

#: Runs in the copy.
_SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup

modules = mypycify(sys.argv[2:], opt_level=sys.argv[1], debug_level="0")
setup(name="compiled", packages=[], ext_modules=modules, script_args=["build_ext", "--inplace"])
"""


class CompiledBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # of any builder
    """See the module.  In its settings ``compiled`` and ``interpreted`` are patterns of paths, and
    ``mypy`` are options."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the libraries put into the wheel."""
        # An editable installation runs the sources as they are edited.
        if self.target_name != "wheel" or version == "editable":
            return
        # Removed when the builder is done.
        self._folder = tempfile.TemporaryDirectory(prefix="h2static-compiled-")
        tree = Path(self._folder.name)
        for package in PACKAGES:
            shutil.copytree(
                Path(self.root) / package,
                tree / package,
                ignore=shutil.ignore_patterns("__pycache__", "*.so"),
            )
        modules = self._modules(tree)
        (tree / "setup.py").write_text(_SETUP)
        done = subprocess.run(  # noqa: S603 -- our own interpreter and program
            [sys.executable, "setup.py", OPTIMIZATION, *self.config["mypy"], *modules],
            cwd=tree,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"mypyc failed:\n{done.stdout[-20_000:]}")
        libraries = [*tree.glob("*.so")]
        for package in PACKAGES:
            libraries += (tree / package).rglob("*.so")
        for library in sorted(libraries):
            build_data["force_include"][str(library)] = str(library.relative_to(tree))
        build_data["infer_tag"] = True
        build_data["pure_python"] = False

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copy."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()

    def _modules(self, tree: Path) -> list[str]:
        """The modules to compile, by their paths; each pattern must mean something."""
        chosen: dict[str, set[str]] = {}
        for key in ("compiled", "interpreted"):
            chosen[key] = set()
            for pattern in self.config[key]:
                found = {str(path.relative_to(tree)) for path in tree.glob(pattern)}
                if not found:
                    raise ValueError(f"{key}: there is nothing like {pattern}")
                chosen[key] |= found
        return sorted(chosen["compiled"] - chosen["interpreted"])
