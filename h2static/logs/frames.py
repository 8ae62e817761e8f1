"""The verbose frame log, in nghttpd's form (``-v``), and the dump of octets (``--hexdump``).

Contract: a :class:`FrameLog` watches one connection and prints each frame, each received field and
each end of a stream as nghttpd 1.52 does: the same lines, order and indentation.  Data from the
peer is escaped: it can neither control a terminal nor forge a line.

Assumes: one thread; output goes through one writer that the log's owner flushes once a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, assert_never

from h2static.http.fields import Field
from h2static.http.journal import Finished
from h2static.http2 import frames as f
from h2static.http2 import registry as r
from h2static.logs.escape import escape, escape_octets

_INDENT: Final = " " * 10

#: ANSI sequences, those of nghttpd.
TIMER, RECEIVED, SENT, NAME, RESET = "\x1b[33m", "\x1b[1;36m", "\x1b[1;35m", "\x1b[1;34m", "\x1b[0m"

FLAG_NAMES: Final[dict[int, tuple[tuple[int, str], ...]]] = {
    r.DATA: ((r.END_STREAM, "END_STREAM"), (r.PADDED, "PADDED")),
    r.HEADERS: (
        (r.END_STREAM, "END_STREAM"),
        (r.END_HEADERS, "END_HEADERS"),
        (r.PADDED, "PADDED"),
        (r.PRIORITY_FLAG, "PRIORITY"),
    ),
    r.SETTINGS: ((r.ACK, "ACK"),),
    r.PING: ((r.ACK, "ACK"),),
    r.PUSH_PROMISE: ((r.END_HEADERS, "END_HEADERS"), (r.PADDED, "PADDED")),
    r.CONTINUATION: ((r.END_HEADERS, "END_HEADERS"),),
}


class FrameLog:
    """Watches one connection; an :class:`h2static.http2.observer.Observer`."""

    def __init__(
        self,
        connection_id: int,
        write: Callable[[str], object],
        clock: Callable[[], float],
        *,
        color: bool,
    ) -> None:
        """``clock`` returns seconds since the program started."""
        self._id = connection_id
        self._write = write
        self._clock = clock
        self._color = color
        #: The last stream that the peer has opened: the first HEADERS of each are noted.
        self._last_opened = 0
        #: Streams that were shown and whose end was not.
        self._open: set[int] = set()
        #: CONTINUATION frames of a header block that is not complete.
        self._continuations: list[f.Continuation] = []

    # --- Observer

    def received(self, frame: f.Frame) -> None:
        """A frame from the peer."""
        if isinstance(frame, f.Continuation):
            # Their HEADERS are shown when all fields are known; the limits keep them few.
            self._continuations.append(frame)
            return
        note = ""
        if isinstance(frame, f.Headers) and frame.stream_id > self._last_opened:
            self._last_opened = frame.stream_id
            self._open.add(frame.stream_id)
            note = "Open new stream"
        self._frame("recv", frame, (), note)
        self._show_continuations()

    def received_fields(
        self, stream_id: int, fields: Sequence[Field], never_indexed: Sequence[int]
    ) -> None:
        """Fields from the peer, one line each, before their frame."""
        for position, (name, value) in enumerate(fields):
            sensitive = ", sensitive" if position in never_indexed else ""
            self._line(f"recv (stream_id={stream_id}{sensitive}) {self._field(name, value)}")

    def sent(self, frame: f.Frame, fields: Sequence[Field] = (), note: str = "") -> None:
        """A frame to the peer."""
        self._frame("send", frame, fields, note)
        if isinstance(frame, f.PushPromise):
            self._open.add(frame.promised_stream_id)
        elif isinstance(frame, f.RstStream):
            # Also that of a stream which was refused before anything else knew it.
            self.stream_closed(frame.stream_id)

    def stream_closed(self, stream_id: int) -> None:
        """The stream is closed; reported once."""
        if stream_id in self._open:
            self._open.remove(stream_id)
            self._line(f"stream_id={stream_id} closed")

    def violation(self, reason: str, code: int, stream_id: int) -> None:
        """The peer broke a rule: why it is about to get RST_STREAM or GOAWAY."""
        self._show_continuations()
        where = f"stream_id={stream_id}" if stream_id else "connection"
        self._line(f"[INVALID; {where}; error={r.error_name(code)}] {escape(reason)}")

    # --- what is not a frame

    def finished(self, finished: Finished) -> None:
        """A response of HTTP/1.1, which has no frames, is over."""
        request = finished.request
        what = f"{escape_octets(request.method)} {escape_octets(request.path)}"
        self._line(f"{escape(finished.client.version)} {what}: {finished.response.status}")

    def closed(self) -> None:
        """The connection is over."""
        self._line("closed")

    def plain(self, text: str) -> None:
        """A line without the connection's number, as nghttpd has some."""
        self._write(escape(text) + "\n")

    def _show_continuations(self) -> None:
        for frame in self._continuations:
            self._frame("recv", frame, (), "")
        self._continuations.clear()

    # --- forms

    def _line(self, text: str) -> None:
        self._write(f"[id={self._id}] {self._time()} {text}\n")

    def _time(self) -> str:
        milliseconds = int(self._clock() * 1000)
        text = f"[{milliseconds // 1000:3d}.{milliseconds % 1000:03d}]"
        return f"{TIMER}{text}{RESET}" if self._color else text

    def _field(self, name: bytes, value: bytes) -> str:
        text = escape_octets(name)
        if self._color:
            text = f"{NAME}{text}{RESET}"
        return f"{text}: {escape_octets(value)}"

    def _frame(self, verb: str, frame: f.Frame, fields: Sequence[Field], note: str) -> None:
        octets = frame.serialize()
        frame_type = octets[3]
        length = len(octets) - r.FRAME_HEADER_SIZE
        name = r.FRAME_NAMES.get(frame_type, f"extension(0x{frame_type:02x})")
        if isinstance(frame, f.Unknown) and frame_type in r.FRAME_NAMES:
            name = f"{name} (malformed)"
        if self._color:
            name = f"{RECEIVED if verb == 'recv' else SENT}{name}{RESET}"
        self._line(
            f"{verb} {name} frame <length={length}, flags=0x{frame.flags:02x}, "
            f"stream_id={frame.stream_id}>"
        )
        lines = []
        flags = [text for bit, text in FLAG_NAMES.get(frame_type, ()) if frame.flags & bit]
        if flags:
            lines.append("; " + " | ".join(flags))
        lines += _details(frame)
        if note:
            lines.append(f"; {note}")
        lines += [self._field(*field) for field in fields]
        for text in lines:
            self._write(f"{_INDENT}{text}\n")


def _signal(priority: f.PriorityFields) -> str:
    return (
        f"dep_stream_id={priority.dependency}, weight={priority.weight}, "
        f"exclusive={int(priority.exclusive)}"
    )


def _details(frame: f.Frame) -> list[str]:
    """The lines below a frame's first line, except flags and fields."""
    match frame:
        case f.Data():
            return [f"(padlen={frame.padding})"] if frame.padding else []
        case f.Headers():
            signal = f", {_signal(frame.priority)}" if frame.priority is not None else ""
            return [f"(padlen={frame.padding}{signal})"]
        case f.Priority():
            return [f"({_signal(frame.priority)})"]
        case f.RstStream():
            return [f"(error_code={r.error_name(frame.code)}(0x{frame.code:02x}))"]
        case f.Settings():
            return [
                f"(niv={len(frame.entries)})",
                *(
                    f"[{r.SETTING_NAMES.get(key, 'UNKNOWN')}(0x{key:02x}):{value}]"
                    for key, value in frame.entries
                ),
            ]
        case f.PushPromise():
            return [
                f"(padlen={frame.padding}, promised_stream_id={frame.promised_stream_id})",
            ]
        case f.Ping():
            return [f"(opaque_data={frame.opaque.hex()})"]
        case f.GoAway():
            return [
                (
                    f"(last_stream_id={frame.last_stream_id}, "
                    f"error_code={r.error_name(frame.code)}(0x{frame.code:02x}), "
                    f"opaque_data({len(frame.debug)})=[{escape_octets(frame.debug)}])"
                )
            ]
        case f.WindowUpdate():
            return [f"(window_size_increment={frame.increment})"]
        case f.Continuation() | f.Unknown():
            return []
        case f.AltSvc():
            return [
                (
                    f"(origin=[{escape_octets(frame.origin)}], "
                    f"altsvc_field_value=[{escape_octets(frame.value)}])"
                )
            ]
        case f.Origin():
            return [f"[{escape_octets(origin)}]" for origin in frame.origins]
        case f.PriorityUpdate():
            return [
                (
                    f"(prioritized_stream_id={frame.prioritized_stream_id}, "
                    f"priority_field_value=[{escape_octets(frame.value)}])"
                )
            ]
        case _:
            assert_never(frame)


def hexdump(octets: bytes | memoryview) -> str:
    """Octets as ``hexdump -C`` shows them, repeated lines as ``*``."""
    lines = []
    previous: bytes | None = None
    repeated = False
    for offset in range(0, len(octets), 16):
        row = bytes(octets[offset : offset + 16])
        if row == previous and len(row) == 16:
            if not repeated:
                lines.append("*")
                repeated = True
            continue
        previous, repeated = row, False
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        text = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in row)
        lines.append(f"{offset:08x}  {left:<23}  {right:<23}  |{text}|")
    lines.append(f"{len(octets):08x}")
    return "\n".join(lines) + "\n"
