"""Programs that tests talk to: found, or the test is skipped with the reason.

Promise: :func:`require_tool` returns the path of a program.  Where it is missing the test is
skipped, naming the Debian package to install; under ``CI=true`` a missing program fails the test,
so that a set-up mistake cannot hide the tests that need it.

Strategy: ``PATH`` is looked at on every call; a test asks for what it uses, when it uses it.
"""

from __future__ import annotations

import os
import shutil

import pytest

#: The build that is tested: "make test-compiled" says that it is the compiled one.
BUILD = os.environ.get("H2STATIC_TEST_BUILD", "plain")
#: For tests that put another function in the place of one: compiled callers do not look it up.
replaces_a_function = pytest.mark.skipif(
    BUILD == "compiled", reason="what compiled code calls cannot be replaced"
)


def in_ci() -> bool:
    """Whether this is a run of continuous integration (``CI`` is set to something but "false")."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def require_tool(name: str, *, package: str, optional: bool = False) -> str:
    """The path of the program ``name``, which the Debian package ``package`` installs.

    ``optional``: a machine may do without the program even in continuous integration.

    Raises the outcome "skipped" where the program is missing, "failed" under ``CI=true``.
    """
    path = shutil.which(name)
    if path is not None:
        return path
    reason = f"{name} is missing: apt-get install {package}"
    if in_ci() and not optional:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
