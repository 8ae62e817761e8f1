"""``--expect``, ``--expect-file`` and ``--no-frame``: frames that must arrive or must not.

Contract: expectations are compared with the received frames in order: each takes the first matching
frame after the previous match.  The first one that fails is shown among the frames, at the place
where it was expected.
"""

from __future__ import annotations

from collections.abc import Sequence

from h2static.errors import UsageError
from h2static.h2get.script.match import contradicts, matches
from h2static.h2get.script.model import Expect, Never, Received, ScriptError
from h2static.h2get.script.parse import parse_expectation, parse_expectations
from h2static.h2get.script.render import render


def read_expectations(
    written: Sequence[str], files: Sequence[str], absent: Sequence[str]
) -> list[Expect | Never]:
    """The expectations in the options.  Raises :class:`UsageError`."""
    found: list[Expect | Never] = []
    try:
        found += [parse_expectation(text) for text in written]
        found += [parse_expectation(f"! {text}") for text in absent]
    except ScriptError as error:
        raise UsageError(f"--expect: {error}") from error
    for name in files:
        try:
            with open(name, encoding="utf-8") as file:
                found += parse_expectations(file.read(), name)
        except ScriptError as error:
            raise UsageError(f"--expect-file: {error}") from error
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise UsageError(f"--expect-file {name}: {reason}") from error
    for one in found:
        if isinstance(one, Expect) and any(pattern.type is None for pattern in one.patterns):
            raise UsageError("--expect cannot match the end of a connection: use --script")
    return found


def difference(expectations: Sequence[Expect | Never], frames: Sequence[Received]) -> str | None:
    """The first expectation that does not hold, as lines to show; ``None``: all hold."""
    start = 0
    for one in expectations:
        if isinstance(one, Never):
            for place, frame in enumerate(frames):
                if matches(one.pattern, frame):
                    return _shown(frames, place, f"expected: no {one.pattern.text}")
            continue
        place, problem = _find(one, frames, start)
        if problem is not None:
            return _shown(frames, place, f"expected: {one.text.strip()}{problem}")
        start = place + 1
    return None


def _find(one: Expect, frames: Sequence[Received], start: int) -> tuple[int, str | None]:
    """Where the frame that ``one`` describes is, or was expected, and the problem."""
    for place in range(start, len(frames)):
        frame = frames[place]
        if any(matches(pattern, frame) for pattern in one.patterns):
            if one.within is not None and frame.time > one.within:
                return place, f" within {one.within:g} s"
            if frame.time < one.after:
                return place, f" after {one.after:g} s"
            return place, None
        if contradicts(one.patterns, frame):
            return place, ""
    return len(frames), ""


def _shown(frames: Sequence[Received], place: int, text: str) -> str:
    """The row of frames with ``text`` at ``place``."""
    lines = []
    for number, frame in enumerate(frames):
        if number == place:
            lines.append(f"--> {text}")
        line = render(frame, fields_below=False, most=0)
        lines.append(f"    [{frame.time:7.3f}] {line}")
    if place >= len(frames):
        lines.append(f"--> {text}")
    return "\n".join(lines) + "\n"
