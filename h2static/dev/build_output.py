"""Recognizes the output of build tools: the start of a build, success, and errors.

Contract: :class:`BuildOutput` is fed the lines of one command, and :attr:`BuildOutput.problem` is
the current problem, or empty.  It knows the output of Vite and Rollup, TypeScript, esbuild,
webpack, Eleventy, Hugo, Astro and SvelteKit (the last two via Vite); for any other tool, a non-zero
exit status indicates an error, and its last lines are shown.

:func:`plain` strips terminal sequences, :func:`shown` all but colors.
"""

from __future__ import annotations

import re
from collections import deque

from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.logs.escape import escape

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: Control sequences (ECMA-48), commands to the operating system, and two-character escapes.
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")

#: A build begins: what was wrong before may be right by now.
_BEGINS = re.compile(
    r"^(?:build started|\[watch\] build started)"
    r"|Starting (?:incremental )?compilation"
    r"|^\[11ty\] File changed|^Change (?:of|detected)",
    re.IGNORECASE,
)
#: It went well.
_WELL = re.compile(
    r"\bbuilt in [0-9.]|\bFound 0 errors\b|\bcompiled successfully\b|^\[11ty\] (?:Wrote|Copied) "
    r"|^Total in \d+ ms|^Rebuilt in|\bComplete!$",
    re.IGNORECASE,
)
#: It is over; well, if nothing was wrong.
_OVER = re.compile(r"^\[watch\] build finished|^Watching", re.IGNORECASE)
#: Something is wrong.
_WRONG = re.compile(
    r"\berror TS\d+:|^(?:✘|X) \[ERROR\]|^error during build|\bBuild failed\b"
    r"|^ERROR in |^\[11ty\] (?:Problem|Error)|^Error(?: building site)?: |^ERROR\b"
    r"|^\[!\] |^\[(?:vite|plugin|rollup|commonjs|astro)[^\]]*\]:? .*"
    r"|^\w*(?:Error|Exception): |^✗ "
)
_HARMLESS = re.compile(r"^\[(?:vite|plugin)[^\]]*\]:? (?:connected|hot updated|page reload|warn)")


def plain(line: str) -> str:
    """``line`` without anything that a terminal would act upon."""
    return escape(_SEQUENCE.sub("", line).rpartition("\r")[2].expandtabs(4))


def shown(line: str, *, color: bool) -> str:
    """``line`` for a terminal: colors may stay, what clears the screen or moves about may not."""
    if not color:
        return plain(line)
    line = line.rstrip("\r").rpartition("\r")[2]
    kept: list[str] = []
    position = 0
    for match in _SEQUENCE.finditer(line):
        kept.append(escape(line[position : match.start()].expandtabs(4)))
        if _COLOUR.fullmatch(match.group()):
            kept.append(match.group())
        position = match.end()
    kept.append(escape(line[position:].expandtabs(4)))
    colored = "\x1b[" in "".join(kept)
    return "".join(kept) + ("\x1b[0m" if colored else "")


class BuildOutput:
    """The relevant output of one command."""

    def __init__(self, name: str, limits: DevLimits = DEFAULT_LIMITS) -> None:
        """``name``: the name of the command in messages."""
        self._name = name
        self._limits = limits
        self._last: deque[str] = deque(maxlen=limits.problem_lines)
        self._wrong: list[str] = []
        #: Whether something was wrong since the last build began.
        self._failed = False
        self._ended = ""

    @property
    def problem(self) -> str:
        """The current problem; empty: none."""
        if self._ended:
            return self._ended
        if not self._wrong:
            return ""
        return self._text(f"{self._name}:", self._wrong)

    def feed(self, line: str) -> None:
        """The command printed ``line``."""
        text = plain(line).rstrip()
        if text:
            self._last.append(text)
        if _BEGINS.search(text):
            self._failed = False
        elif _WELL.search(text):
            self._failed = False
            self._wrong = []
        elif _WRONG.search(text) and not _HARMLESS.search(text):
            if not self._failed:
                self._wrong = []
            self._failed = True
            self._add(text)
        elif _OVER.search(text):
            if not self._failed:
                self._wrong = []
        elif self._failed:
            # Where, and the lines around it.
            self._add(text)

    def end(self, how: str, *, well: bool) -> None:
        """The command ended; ``how`` in words."""
        if well:
            self._wrong, self._failed = [], False
            return
        lines = self._wrong or list(self._last)
        self._ended = self._text(f"{self._name} {how}", lines)

    def _add(self, text: str) -> None:
        if len(self._wrong) < self._limits.problem_lines and (text or self._wrong):
            self._wrong.append(text)

    def _text(self, head: str, lines: list[str]) -> str:
        return "\n".join([head, *lines]).rstrip()[: self._limits.problem_characters]
