"""The verbose frame log of HTTP/3 (``-v``), in the form of that of HTTP/2.

Contract: a :class:`Http3FrameLog` watches one connection and prints each frame, each field and each
end of a stream, as :class:`h2static.logs.frames.FrameLog` does.  Frames of HTTP/3 have no flags:
the end of a stream is one of QUIC, and is shown when the stream is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, assert_never

from h2static.http.fields import Field
from h2static.http3 import frames as f
from h2static.http3 import registry as r
from h2static.logs.escape import escape, escape_octets
from h2static.logs.frames import NAME, RECEIVED, RESET, SENT, TIMER

_INDENT: Final = " " * 10
_RESETS: Final = {"recv": "RESET_STREAM", "send": "RESET_STREAM", "stop": "STOP_SENDING"}


class Http3FrameLog:
    """Watches one connection; an :class:`h2static.http3.observer.Observer`."""

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
        self._last_opened = -1

    # --- Observer

    def received(self, stream_id: int, frame: f.Frame, fields: Sequence[Field] = ()) -> None:
        """A frame from the peer; its fields come first, one line each."""
        for name, value in fields:
            self._line(f"recv (stream_id={stream_id}) {self._field(name, value)}")
        note = ""
        if isinstance(frame, f.Headers) and stream_id > self._last_opened:
            self._last_opened = stream_id
            note = "Open new stream"
        self._frame("recv", stream_id, frame, (), note)

    def sent(
        self, stream_id: int, frame: f.Frame, fields: Sequence[Field] = (), note: str = ""
    ) -> None:
        """A frame to the peer."""
        self._frame("send", stream_id, frame, fields, note)

    def stream_opened(self, stream_id: int, what: str) -> None:
        """A unidirectional stream of the peer."""
        self._line(f"recv stream_id={stream_id} is a {what} stream")

    def reset(self, verb: str, stream_id: int, code: int) -> None:
        """The reset of a stream."""
        name = self._colored("send" if verb == "send" else "recv", _RESETS[verb])
        direction = "send" if verb == "send" else "recv"
        self._line(f"{direction} {name} <stream_id={stream_id}>")
        self._write(f"{_INDENT}(error_code={r.error_name(code)}(0x{code:02x}))\n")

    def stream_closed(self, stream_id: int) -> None:
        """The stream is over."""
        self._line(f"stream_id={stream_id} closed")

    def violation(self, reason: str, code: int, stream_id: int | None) -> None:
        """The peer broke a rule."""
        where = "connection" if stream_id is None else f"stream_id={stream_id}"
        self._line(f"[INVALID; {where}; error={r.error_name(code)}] {escape(reason)}")

    # --- what is not a frame

    def established(self) -> None:
        """The handshake is complete."""
        self._write("The negotiated protocol: h3\n")

    def closed(self) -> None:
        """The connection is over."""
        self._line("closed")

    # --- forms

    def _line(self, text: str) -> None:
        milliseconds = int(self._clock() * 1000)
        time = f"[{milliseconds // 1000:3d}.{milliseconds % 1000:03d}]"
        if self._color:
            time = f"{TIMER}{time}{RESET}"
        self._write(f"[id={self._id}] {time} {text}\n")

    def _colored(self, verb: str, name: str) -> str:
        if not self._color:
            return name
        return f"{RECEIVED if verb == 'recv' else SENT}{name}{RESET}"

    def _field(self, name: bytes, value: bytes) -> str:
        text = escape_octets(name)
        if self._color:
            text = f"{NAME}{text}{RESET}"
        return f"{text}: {escape_octets(value)}"

    def _frame(
        self, verb: str, stream_id: int, frame: f.Frame, fields: Sequence[Field], note: str
    ) -> None:
        frame_type, length = _type_and_length(frame)
        name = r.FRAME_NAMES.get(frame_type, f"extension(0x{frame_type:02x})")
        self._line(
            f"{verb} {self._colored(verb, name)} frame <length={length}, stream_id={stream_id}>"
        )
        lines = _details(frame)
        if note:
            lines.append(f"; {note}")
        lines += [self._field(*field) for field in fields]
        for text in lines:
            self._write(f"{_INDENT}{text}\n")


def _type_and_length(frame: f.Frame) -> tuple[int, int]:
    match frame:
        case f.Data():
            return r.DATA, frame.length
        case f.Headers():
            return r.HEADERS, len(frame.section)
        case f.Unknown():
            return frame.frame_type, frame.length
        case _:
            octets = f.serialize(frame)
            (piece,) = f.FrameReader(dict.fromkeys(r.FRAME_NAMES, len(octets))).feed(octets)
            return piece.frame_type, piece.length


def _details(frame: f.Frame) -> list[str]:
    """The lines below a frame's first line, except fields."""
    match frame:
        case f.Settings():
            return [
                f"(niv={len(frame.entries)})",
                *(
                    f"[{r.SETTING_NAMES.get(key, 'UNKNOWN')}(0x{key:02x}):{value}]"
                    for key, value in frame.entries
                ),
            ]
        case f.GoAway():
            return [f"(id={frame.identifier})"]
        case f.MaxPushId() | f.CancelPush():
            return [f"(push_id={frame.identifier})"]
        case f.PriorityUpdate():
            value = escape_octets(frame.value)
            return [f"(prioritized_id={frame.identifier}, priority_field_value=[{value}])"]
        case f.Data() | f.Headers() | f.Unknown():
            return []
        case _:
            assert_never(frame)
