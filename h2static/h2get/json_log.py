"""The log of a connection as lines of JSON (``--json``).

Contract: one object a line, in the order in which things happened; ``event`` says what it is:
``connected``, ``frame``, ``message`` (HTTP/1.1), ``violation``, ``closed``.  A frame has
``direction``, ``time`` (seconds since the start), ``type``, ``flags``, ``stream``, ``length``, and
what its type has.  A field section stands with the frame that completes it, and each field with its
representation, its octets and the dynamic table after it.  ``docs/h2get.md`` has the whole form.

Strategy: header blocks are read a second time by :mod:`hpacktools.explanation`, which says how each
field was written; the tables of both directions are kept here.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, assert_never

from h2static.client import Observers, Origin
from h2static.http.fields import Field
from h2static.http2 import frames as f
from h2static.http2 import registry as r
from h2static.logs.frames import FLAG_NAMES
from hpacktools.codec import DEFAULT_TABLE_SIZE, EMPTY_TABLE, DynamicTable
from hpacktools.explanation import explain, step_to_json

_Object = dict[str, Any]


class _Direction:
    """The field sections that go one way."""

    def __init__(self) -> None:
        self.table: DynamicTable = EMPTY_TABLE
        self.allowed = DEFAULT_TABLE_SIZE
        #: The fragments of a header block without END_HEADERS.
        self.fragments: list[bytes] = []
        self.broken = False

    def section(self, fragment: bytes, *, last: bool) -> _Object:
        """The fields after another fragment: none before the last one."""
        self.fragments.append(fragment)
        if not last or self.broken:
            return {}
        block, self.fragments = b"".join(self.fragments), []
        explanation = explain(block, self.table, allowed=self.allowed)
        self.table = explanation.table
        result: _Object = {
            "block": block.hex(),
            "fields": list(map(step_to_json, explanation.steps)),
        }
        if explanation.error is not None:
            self.broken = True
            result["error"] = str(explanation.error)
        return result


class JSONLog:
    """Watches one connection; see the module."""

    def __init__(
        self, origin: Origin, write: Callable[[str], object], flush: Callable[[], None]
    ) -> None:
        self._origin = origin
        self._write = write
        self._flush = flush
        self._began = time.monotonic()
        self._sent = _Direction()
        self._received = _Direction()
        self._is_open = False

    def observers(self) -> Observers:
        """The observers for the connection."""
        return Observers(frames=self, heads=self, turned=self._flush, connected=self._connected)

    def _line(self, event: str, **values: object) -> None:
        at = round(time.monotonic() - self._began, 6)
        self._write(json.dumps({"event": event, "time": at, **values}) + "\n")

    def _connected(self, tls: ssl.SSLSocket | None, protocol: str) -> None:
        values: _Object = {"origin": str(self._origin), "protocol": protocol}
        if tls is not None:
            cipher = tls.cipher()
            values["tls"] = {"version": tls.version(), "cipher": cipher[0] if cipher else None}
        self._line("connected", **values)

    # --- Observer

    def received(self, frame: f.Frame) -> None:
        """Implement :meth:`h2static.http2.observer.Observer.received`."""
        self._frame("received", frame, self._received)
        if isinstance(frame, f.Settings) and not frame.flags & r.ACK:
            self._allow(self._sent, frame)

    def received_fields(
        self, stream_id: int, fields: Sequence[Field], never_indexed: Sequence[int]
    ) -> None:
        """Nothing: the frame contains them."""

    def sent(self, frame: f.Frame, fields: Sequence[Field] = (), note: str = "") -> None:
        """See :class:`h2static.http2.observer.Observer`."""
        self._frame("sent", frame, self._sent)
        if isinstance(frame, f.Settings) and not frame.flags & r.ACK:
            self._allow(self._received, frame)

    def stream_closed(self, stream_id: int) -> None:
        """Nothing: the frames show it."""

    def violation(self, reason: str, code: int, stream_id: int) -> None:
        """Implement :meth:`h2static.http2.observer.Observer.violation`."""
        self._line("violation", stream=stream_id, code=r.error_name(code), reason=reason)

    @staticmethod
    def _allow(direction: _Direction, frame: f.Settings) -> None:
        # Too early by a round trip, which allows more than is right and never less.
        sizes = [v for key, v in frame.entries if key == r.SETTINGS_HEADER_TABLE_SIZE]
        direction.allowed = max([direction.allowed, *sizes])

    # --- HeadObserver

    def sent_head(self, section: bytes) -> None:
        """Implement :meth:`h2static.http1.observer.HeadObserver.sent_head`."""
        self._message("sent", section)

    def received_head(self, section: bytes) -> None:
        """Implement :meth:`h2static.http1.observer.HeadObserver.received_head`."""
        self._message("received", section)

    def _message(self, direction: str, section: bytes) -> None:
        first, *lines = section[:-4].decode("latin-1").split("\r\n")
        fields = [{"name": name, "value": value.strip()} for name, _, value in
                  (line.partition(":") for line in lines)]  # fmt: skip
        self._line("message", direction=direction, start=first, fields=fields)

    # --- forms

    def _frame(self, direction: str, frame: f.Frame, sections: _Direction) -> None:
        octets = frame.serialize()
        flags = [name for bit, name in FLAG_NAMES.get(octets[3], ()) if frame.flags & bit]
        unnamed = frame.flags
        for bit, _ in FLAG_NAMES.get(octets[3], ()):
            unnamed &= ~bit
        values: _Object = {
            "direction": direction,
            "type": r.FRAME_NAMES.get(octets[3], f"0x{octets[3]:02x}"),
            "flags": flags + ([f"0x{unnamed:02x}"] if unnamed else []),
            "stream": frame.stream_id,
            "length": len(octets) - r.FRAME_HEADER_SIZE,
            **_details(frame),
        }
        if isinstance(frame, f.Headers | f.PushPromise | f.Continuation):
            last = bool(frame.flags & r.END_HEADERS)
            values.update(sections.section(frame.fragment, last=last))
        self._line("frame", **values)


def _details(frame: f.Frame) -> _Object:
    """The values that only frames of this type have."""
    match frame:
        case f.Data():
            return {"content": len(frame.data), "padding": frame.padding}
        case f.Headers():
            if frame.priority is None:
                return {"padding": frame.padding}
            return {"padding": frame.padding, "priority": _priority(frame.priority)}
        case f.Priority():
            return {"priority": _priority(frame.priority)}
        case f.RstStream():
            return {"code": r.error_name(frame.code), "code_number": frame.code}
        case f.Settings():
            return {
                "settings": [
                    {"name": r.SETTING_NAMES.get(key, f"0x{key:04x}"), "id": key, "value": value}
                    for key, value in frame.entries
                ]
            }
        case f.PushPromise():
            return {"padding": frame.padding, "promised_stream": frame.promised_stream_id}
        case f.Ping():
            return {"opaque": frame.opaque.hex()}
        case f.GoAway():
            return {
                "last_stream": frame.last_stream_id,
                "code": r.error_name(frame.code),
                "code_number": frame.code,
                "debug": frame.debug.decode("utf-8", "backslashreplace"),
            }
        case f.WindowUpdate():
            return {"increment": frame.increment}
        case f.Continuation():
            return {}
        case f.AltSvc():
            return {
                "origin": frame.origin.decode("latin-1"),
                "field_value": frame.value.decode("latin-1"),
            }
        case f.Origin():
            return {"origins": [origin.decode("latin-1") for origin in frame.origins]}
        case f.PriorityUpdate():
            return {
                "prioritized_stream": frame.prioritized_stream_id,
                "field_value": frame.value.decode("latin-1"),
            }
        case f.Unknown():
            return {"payload": frame.payload.hex()}
        case _:
            assert_never(frame)


def _priority(fields: f.PriorityFields) -> _Object:
    return {
        "dependency": fields.dependency, "weight": fields.weight, "exclusive": fields.exclusive,
    }  # fmt: skip
