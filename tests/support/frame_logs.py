"""Frame logs in the form of nghttpd and nghttp, read back.

Promise: :func:`parse_log` gives every frame of a log, from either end of a connection, with its
fields; :func:`skeleton` leaves only what two logs of the same conversation must have in common.
A line of no known form fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TIMED = re.compile(r"(?:\[id=\d+\] )?\[ *\d+\.\d{3}\] ?(.*)")
_FRAME = re.compile(
    r"(?:\[INVALID; error=.*\] )?(send|recv) (\S+(?: \(malformed\))?) frame"
    r" <length=(\d+), flags=0x([0-9a-f]{2}), stream_id=(\d+)>"
)
_RECEIVED_FIELD = re.compile(r"recv \(stream_id=(\d+)(, sensitive)?\) (:?[^:]*): (.*)")
_SENT_FIELD = re.compile(r"(:?[^:\s(\[;][^:]*): (.*)")
_INDENT = " " * 10
_PADDING = re.compile(r"padlen=(\d+)")
#: Lines of nghttp and of the server that are no frames.
_OTHER = re.compile(
    r"Connected|closed|stream_id=\d+ closed|\[(INVALID|ERROR)\b.*|IPv[46]: listen .*"
)


@dataclass(slots=True, kw_only=True)
class LoggedFrame:
    """A frame in a log."""

    #: "send" or "recv".
    verb: str
    type: str
    length: int
    flags: int
    stream_id: int
    #: Lines below the frame's own, without fields.
    details: list[str] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)
    #: Names of the fields that were marked as sensitive.
    sensitive: list[str] = field(default_factory=list)

    @property
    def padding(self) -> int:
        """Octets of padding, the Pad Length octet included."""
        found = _PADDING.search(" ".join(self.details))
        return int(found[1]) if found else 0

    def get(self, name: str) -> str | None:
        """The value of the first field ``name``."""
        return dict(reversed(self.fields)).get(name)


def parse_log(text: str) -> list[LoggedFrame]:
    """The frames of a log, in order."""
    frames: list[LoggedFrame] = []
    received: list[tuple[str, str]] = []
    sensitive: list[str] = []
    for line in text.splitlines():
        if line.startswith(_INDENT):
            sent = _SENT_FIELD.fullmatch(line[len(_INDENT) :])
            if sent is not None:
                frames[-1].fields.append((sent[1], sent[2]))
            else:
                frames[-1].details.append(line[len(_INDENT) :])
            continue
        timed = _TIMED.fullmatch(line)
        words = timed[1] if timed is not None else line
        found = _RECEIVED_FIELD.fullmatch(words)
        if found is not None:
            received.append((found[3], found[4]))
            if found[2]:
                sensitive.append(found[3])
            continue
        frame = _FRAME.fullmatch(words)
        if frame is None:
            assert not words or _OTHER.fullmatch(words), f"unknown form: {line!r}"
            continue
        frames.append(
            LoggedFrame(
                verb=frame[1],
                type=frame[2],
                length=int(frame[3]),
                flags=int(frame[4], 16),
                stream_id=int(frame[5]),
            )
        )
        if frame[1] == "recv" and frame[2] in ("HEADERS", "PUSH_PROMISE"):
            frames[-1].fields, frames[-1].sensitive = received, sensitive
            received, sensitive = [], []
    return frames


def content_lengths(text: str) -> dict[int, int]:
    """Octets of content that were received, by stream."""
    lengths: dict[int, int] = {}
    for frame in parse_log(text):
        if frame.verb == "recv" and frame.type == "DATA":
            content = frame.length - frame.padding
            lengths[frame.stream_id] = lengths.get(frame.stream_id, 0) + content
    return lengths


def statuses(text: str) -> dict[int, str]:
    """Final statuses that were received, by stream."""
    return {
        frame.stream_id: status
        for frame in parse_log(text)
        if frame.verb == "recv" and (status := frame.get(":status")) and not status.startswith("1")
    }


def skeleton(text: str, verb: str) -> list[str]:
    """The lines of what was sent ("send") or received ("recv"), without what may differ.

    That is: times, lengths, fields, the entries of SETTINGS and PRIORITY frames.
    """
    lines = []
    for frame in parse_log(text):
        if frame.verb != verb or frame.type == "PRIORITY":
            continue
        lines.append(f"{frame.type} frame <flags=0x{frame.flags:02x}, stream_id={frame.stream_id}>")
        lines += [one for one in frame.details if not one.startswith(("[SETTINGS_", "(niv="))]
    return lines
