"""Marks: changes that concern no page, by which a test knows what a page has heard.

Promise: after :func:`await_mark`, the page has heard of every change before the call and has dealt
with it: a reload that was on its way is over, and the page after it is connected.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

#: Seconds for a mark to be heard, before another one is written.  A build that is not finished
#: delays it, and a page that is replaced meanwhile does not hear it.
EACH = 3.0
#: How many marks are written at most.
MOST = 10
#: A page with workers reloads for every change; marks are none of its.
_LISTEN = """(window.marks = window.marks || (() => {
  const marks = new Set();
  addEventListener("h2static:change", (event) => {
    const names = event.detail.changes.map(({ path }) => path);
    const found = names.filter((path) => /^\\/mark-\\d+\\.txt$/.test(path));
    for (const path of found) marks.add(path);
    if (found.length === names.length) event.preventDefault();
  });
  return marks;
})(), true)"""


class Page(Protocol):
    """A browser with a page of the dev server."""

    def run(self, script: str) -> object:
        """The value of a JavaScript expression in the page."""
        ...

    def wait(self, script: str, expected: object = True, seconds: float = EACH) -> float:
        """Wait until an expression has this value; raises ``AssertionError`` if it never has."""
        ...

    def wait_connected(self) -> None:
        """Wait until the page hears events."""
        ...


def await_mark(page: Page, root: Path) -> None:
    """Wait until the page has heard of everything so far; ``root`` is the folder that it is from.

    Raises ``AssertionError`` if it does not.
    """
    names: list[str] = []
    for _ in range(MOST):
        page.wait_connected()
        # The page may be replaced between any two of these steps.
        page.wait(_LISTEN)
        mark = root / f"mark-{time.monotonic_ns()}.txt"
        mark.write_text("x")
        names.append(f"/{mark.name}")
        try:
            page.wait(f"{names}.some((name) => window.marks.has(name))", seconds=EACH)
            return
        except AssertionError:
            continue
    raise AssertionError(f"the page has heard none of {MOST} marks")
