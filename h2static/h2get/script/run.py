"""Scripts are carried out: step by step, on as many connections as they name.

Contract: :func:`run_case` returns a :class:`Result`, whatever the server does; it raises
:class:`~h2static.client.ConnectError` when there is no server.  The first step that fails ends the
case, and the result says what was expected, what came, and everything that was sent and received.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

import anyio

from h2static.client.dial import dial
from h2static.client.options import HTTP2, ConnectOptions
from h2static.client.urls import Origin
from h2static.h2get.script import frames
from h2static.h2get.script.build import Reader, Writer
from h2static.h2get.script.channel import Channel
from h2static.h2get.script.match import compared, contradicts, matches
from h2static.h2get.script.model import (
    Alive,
    Auto,
    Case,
    Connect,
    EndOutput,
    ExceedStreams,
    Expect,
    FrameSpec,
    Handshake,
    May,
    Never,
    Pause,
    Received,
    Send,
    Step,
)
from h2static.h2get.script.parse import MAIN
from h2static.h2get.script.render import render
from h2static.http2 import registry as r

#: Initial values of settings (RFC 9113 section 6.5.2).
_INITIAL = {r.SETTINGS_MAX_FRAME_SIZE: r.MINIMUM_MAX_FRAME_SIZE}
#: Octets of content that a transcript shows.
_SHOWN = 64
#: Frames with the fields of a complete block.
_WITH_BLOCKS = (r.HEADERS, r.PUSH_PROMISE, r.CONTINUATION)
#: Streams that a case opens at most, to go beyond a server's limit.
_MOST_STREAMS = 1_000


class Verdict(Enum):
    """The verdict on a case."""

    PASSED = "passed"
    FAILED = "failed"
    #: The connection was closed without a word where a GOAWAY was to come (RFC 9113 section 5.4.1:
    #: an endpoint SHOULD send one).
    SILENT = "closed without GOAWAY"
    #: The right code with GOAWAY where RST_STREAM was to come: "an endpoint MAY choose to treat a
    #: stream error as a connection error" (RFC 9113 section 5.4.1), and then the others end too.
    WIDENED = "connection error for a stream error"
    #: The case does not concern the server.
    SKIPPED = "skipped"


@dataclass(slots=True, kw_only=True)
class Entry:
    """Something that was sent or that came."""

    connection: str
    #: ``>`` or ``<``.
    sign: str
    time: float
    what: FrameSpec | bytes | Received
    #: As a script has it.
    text: str


@dataclass(slots=True, kw_only=True)
class Result:
    """The result of a case."""

    case: Case
    verdict: Verdict = Verdict.PASSED
    #: The step that failed, what it wanted, and what came in its place.
    line: int = 0
    expected: str = ""
    got: str = ""
    seconds: float = 0.0
    transcript: list[Entry] = field(default_factory=list)
    #: Failed steps, if the case continues after a failure: line, expected, got.
    differences: list[tuple[int, str, str]] = field(default_factory=list)
    #: Everything that came, by connection.
    received: dict[str, list[Received]] = field(default_factory=dict)

    @property
    def is_broken(self) -> bool:
        """Whether the server has not kept to a MUST: GOAWAY itself is a SHOULD, and a stream error
        may be made a connection error (RFC 9113 section 5.4.1)."""
        return self.verdict is Verdict.FAILED and self.case.level == "MUST"


class _Failed(Exception):
    """A step has failed."""

    def __init__(self, expected: str, got: str, verdict: Verdict = Verdict.FAILED) -> None:
        super().__init__(expected)
        self.expected = expected
        self.got = got
        self.verdict = verdict


async def run_case(
    case: Case,
    origin: Origin,
    options: ConnectOptions,
    *,
    path: str = "/",
    seconds: float = 5.0,
    told: Callable[[Entry], None] | None = None,
    go_on: bool = False,
) -> Result:
    """Carry out ``case`` at ``origin``.

    ``path``: what a connection that is to be alive is asked for; ``seconds``: how long an
    expectation waits; ``told`` hears of everything at once; ``go_on``: to the end, whatever fails.
    """
    runner = _Runner(case, origin, options, path, seconds, told, go_on)
    began = time.monotonic()
    try:
        async with anyio.create_task_group() as tasks:
            await runner.run(tasks)
            tasks.cancel_scope.cancel()
    finally:
        runner.close()
    runner.result.seconds = time.monotonic() - began
    if runner.unreachable is not None:
        raise runner.unreachable
    return runner.result


class _Runner:
    """Carries out one case."""

    def __init__(
        self,
        case: Case,
        origin: Origin,
        options: ConnectOptions,
        path: str,
        seconds: float,
        told: Callable[[Entry], None] | None,
        go_on: bool,
    ) -> None:
        self.result = Result(case=case)
        self.unreachable: Exception | None = None
        self._origin = origin
        self._options = options
        self._path = path
        self._seconds = seconds
        self._hear = told
        self._goes_on = go_on
        self._began = time.monotonic()
        self._channels: dict[str, Channel] = {}
        self._name = MAIN
        self._never: list[tuple[str, Never]] = []

    async def run(self, tasks: anyio.abc.TaskGroup) -> None:
        """All steps, or those before the first that fails."""
        self._tasks = tasks
        try:
            for step in self.result.case.steps:
                try:
                    await self._step(step)
                except _Failed as failed:
                    self._failed(step.line, failed)
                    if not self._goes_on:
                        return
            self._check_never()
        except _Failed as failed:
            self._failed(0, failed)
        except Exception as error:
            # The task group would wrap it in an exception group.
            self.unreachable = error

    def close(self) -> None:
        """All connections end."""
        for name, channel in self._channels.items():
            channel.close()
            self.result.received[name] = channel.received

    def _failed(self, line: int, failed: _Failed) -> None:
        """A step has failed: the first one is the result's."""
        result = self.result
        failed = self._too_short() or failed
        if result.verdict is Verdict.PASSED:
            result.verdict, result.line = failed.verdict, line
            result.expected, result.got = failed.expected, failed.got
        result.differences.append((line, failed.expected, failed.got))

    def _too_short(self) -> _Failed | None:
        """That the case says nothing of this server, since its responses have too little content;
        ``None``: it does."""
        least = self.result.case.content
        if not least or all(
            total >= least for total in map(_shortest_content, self._channels.values())
        ):
            return None
        octets = "octet" if least == 1 else "octets"
        text = f"a response with at least {least} {octets} of content"
        return _Failed(text, "a shorter one", Verdict.SKIPPED)

    # ------------------------------------------------------------------ steps

    async def _step(self, step: Step) -> None:
        match step:
            case Connect():
                self._name = step.name
                await self._channel()
            case Handshake():
                await self._handshake(await self._channel(), step.settings)
            case Send():
                await (await self._channel()).send(step.what, step.split)
            case Expect():
                await self._expect(await self._channel(), step)
            case Never():
                await self._channel()
                self._never.append((self._name, step))
            case May():
                (await self._channel()).tolerated.append(step.pattern)
            case Alive():
                await self._alive(await self._channel(step.name))
            case Pause():
                await anyio.sleep(step.seconds)
            case EndOutput():
                (await self._channel()).end_output()
            case ExceedStreams():
                await self._exceed_streams(await self._channel())
            case Auto():
                (await self._channel()).auto = step.on
            case _:
                assert_never(step)

    async def _channel(self, name: str | None = None) -> Channel:
        """The connection ``name``, or the present one; it is made if it is not there."""
        name = name or self._name
        channel = self._channels.get(name)
        if channel is None:
            wire, protocol = await dial(self._origin, self._options)
            if protocol != HTTP2:
                wire.close()
                raise _Failed("an HTTP/2 connection", f"a {protocol} connection")
            channel = self._channels[name] = Channel(name, wire, self._told)
            self._tasks.start_soon(channel.run)
        return channel

    async def _handshake(self, channel: Channel, settings: tuple[tuple[int, int], ...]) -> None:
        payload = b"".join(
            key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in settings
        )
        await channel.send([r.PREFACE, FrameSpec(type=r.SETTINGS, payload=payload)])
        for text in ("SETTINGS -ACK", "SETTINGS ACK"):
            pattern = frames.pattern(text.split())
            await self._expect(channel, Expect(line=0, patterns=[pattern], text=text))

        for key, value in self.result.case.needs:
            if self._setting(channel, key) != value:
                name = r.SETTING_NAMES.get(key, hex(key))
                raise _Failed(f"{name}={value}", "a server without", Verdict.SKIPPED)

    async def _exceed_streams(self, channel: Channel) -> None:
        """Send one request more than the server's limit."""
        limit = self._setting(channel, r.SETTINGS_MAX_CONCURRENT_STREAMS)
        if limit is None or limit > _MOST_STREAMS:
            raise _Failed("a limit of streams", "a server without", Verdict.SKIPPED)
        streams = [channel.last_stream + 2 * (one + 1) for one in range(limit + 1)]
        await channel.send([self._request(stream) for stream in streams])

    @staticmethod
    def _setting(channel: Channel, number: int) -> int | None:
        """The server's latest value of a setting."""
        value = _INITIAL.get(number)
        for frame in channel.received:
            found = frame.values.get(f"setting {number}")
            if isinstance(found, int):
                value = found
        return value

    def _request(self, stream: int) -> FrameSpec:
        variables = {
            "scheme": self._origin.scheme, "authority": self._origin.authority.decode("ascii"),
        }  # fmt: skip
        return frames.spec(["GET", self._path, f"stream={stream}"], [], variables)

    async def _alive(self, channel: Channel) -> None:
        """A request is answered, and a PING too: the connection is of use."""
        if not channel.received:
            await self._handshake(channel, ())
        stream = channel.last_stream + 2
        request = self._request(stream)
        ping = FrameSpec(type=r.PING, payload=b"alive?  ")
        await channel.send([request, ping])
        for text in (
            f"HEADERS stream={stream} :status=~[2-4]..",
            "PING ACK opaque=616c6976653f2020",
        ):
            pattern = frames.pattern(text.split())
            await self._expect(
                channel,
                Expect(line=0, patterns=[pattern], text=f"{text} (other streams stay open)"),
            )

    # ------------------------------------------------------------------ what comes

    async def _expect(self, channel: Channel, step: Expect) -> None:
        """Wait for what ``step`` describes.  Raises :class:`_Failed`."""
        began = time.monotonic()
        seconds = self._seconds if step.within is None else step.within
        with anyio.move_on_after(seconds):
            while True:
                if self._find(channel, step):
                    self._check_time(step, time.monotonic() - began)
                    return
                too_short = self._too_short()
                if too_short is not None:
                    raise too_short
                await channel.news()
        rest = [one for one in channel.received if not one.taken and _is_news(one)]
        got = render(rest[-1], fields_below=False, most=0) if rest else "nothing"
        raise _Failed(step.text, f"{got}, and nothing more within {seconds:g} s")

    @staticmethod
    def _find(channel: Channel, step: Expect) -> bool:
        """Find and consume a matching frame; false: there is none.  Raises :class:`_Failed`."""
        for frame in channel.received:
            if frame.taken:
                continue
            if any(matches(pattern, frame) for pattern in step.patterns):
                frame.taken = True
                return True
            if any(matches(pattern, frame) for pattern in channel.tolerated):
                continue
            if contradicts(step.patterns, frame):
                # If the case continues, the same frame does not fail the next expectation.
                frame.taken = frame.type is not None
                got = render(frame, fields_below=False, most=0)
                raise _Failed(step.text, got, _verdict(step, frame))
        return False

    @staticmethod
    def _check_time(step: Expect, passed: float) -> None:
        if passed < step.after:
            raise _Failed(step.text, f"it after {passed:.3f} s")

    def _check_never(self) -> None:
        """Check that no forbidden or malformed frame has arrived.  Raises :class:`_Failed`."""
        for channel in self._channels.values():
            for frame in channel.received:
                if frame.problem and frame.type is not None:
                    raise _Failed("well-formed frames", render(frame, fields_below=False, most=0))
        for name, step in self._never:
            for frame in self._channels[name].received:
                if matches(step.pattern, frame):
                    raise _Failed(
                        f"no {step.pattern.text}", render(frame, fields_below=False, most=0)
                    )

    def _told(self, connection: str, sign: str, what: object) -> None:
        assert isinstance(what, FrameSpec | bytes | Received)
        entry = Entry(
            connection=connection, sign=sign, time=time.monotonic() - self._began, what=what,
            text=describe(what),
        )  # fmt: skip
        self.result.transcript.append(entry)
        if self._hear is not None:
            self._hear(entry)


def _verdict(step: Expect, frame: Received) -> Verdict:
    """The verdict if ``frame`` arrives in place of what ``step`` describes."""
    if frame.type is None and any(pattern.type == r.GOAWAY for pattern in step.patterns):
        return Verdict.SILENT
    if frame.type == r.GOAWAY and any(
        pattern.type == r.RST_STREAM and compared(pattern, "code", frame)
        for pattern in step.patterns
    ):
        return Verdict.WIDENED
    return Verdict.FAILED


def _shortest_content(channel: Channel) -> float:
    """Octets of content of the shortest response that has ended."""
    totals: Counter[int] = Counter()
    shortest = math.inf
    for frame in channel.received:
        if frame.type in (r.DATA, r.HEADERS):
            content = frame.values.get("data")
            if isinstance(content, bytes):
                totals[frame.stream] += len(content)
            if frame.flags & r.END_STREAM:
                shortest = min(shortest, totals[frame.stream])
    return shortest


def _is_news(frame: Received) -> bool:
    """Whether a frame is worth naming where nothing came that was expected."""
    return frame.type not in (r.SETTINGS, r.WINDOW_UPDATE, r.PING)


def describe(what: FrameSpec | bytes | Received) -> str:
    """A line for what was sent or came."""
    if isinstance(what, Received):
        return render(what, most=_SHOWN)
    if isinstance(what, bytes):
        return "PREFACE" if what == r.PREFACE else f"RAW {_hexadecimal(what)}"
    shown = Received(type=what.type, flags=what.flags, stream=what.stream)
    if what.payload is None:
        shown.fields = tuple((one.name, one.value) for one in what.fields)
        return render(shown)
    if what.length is None:
        (shown,) = Reader().receive(Writer().octets(what), 0.0)
        if not shown.problem and what.type not in _WITH_BLOCKS:
            return render(shown, most=_SHOWN)
        shown.problem = ""
    length = "" if what.length is None else f" length={what.length}"
    payload = f" payload={_hexadecimal(what.payload)}" if what.payload else ""
    return f"{render(shown)}{length}{payload}"


def _hexadecimal(octets: bytes) -> str:
    return octets[:_SHOWN].hex() + ("…" if len(octets) > _SHOWN else "")
