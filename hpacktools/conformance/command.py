"""Running a command to its end, or killing it with all its child processes.

Contract: :func:`run_command` returns the command's output and how it ended.  If it is left in any
other way (a timeout, too much output, an interruption), neither the command nor any process that
it started in its session is still running.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Final

#: Time limit of a command for one story, in seconds.
TIMEOUT: Final = 60.0
#: Octets that a command may write, errors included: a hundred times what the longest story of the
#: corpus takes with all its tables, and small enough for every worker to keep it in memory.
OUTPUT_LIMIT: Final = 64 * 2**20
#: Signals that end this program, blocked between starting a command and recording it.
ENDING_SIGNALS: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
#: Octets read or written at once.
_CHUNK: Final = 2**16


class CommandError(Exception):
    """The command did not behave as a decoder or encoder must."""


class SilentError(CommandError):
    """The command did not answer in time."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Finished:
    """How a command ended and its output."""

    #: The exit code, or the negative number of the signal that killed it.
    code: int
    output: bytes
    errors: bytes


def run_command(words: Sequence[str], octets: bytes, *, timeout: float = TIMEOUT) -> Finished:
    """Run the command ``words`` with ``octets`` on its standard input.

    ``timeout`` in seconds.  Raises :class:`CommandError` if the command does not end in time or
    writes too much, ``OSError`` and ``ValueError`` if it cannot be started.
    """
    deadline = time.monotonic() + timeout
    with _started(words) as process:
        try:
            output, errors = _converse(process, octets, deadline)
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise SilentError(f"no answer within {timeout:.0f} s") from None
    return Finished(code=code, output=output, errors=errors)


@contextmanager
def uninterrupted() -> Iterator[set[signal.Signals]]:
    """Block the ending signals until the block is left; yields the signal mask from before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        yield before  # type: ignore[misc]  # the stubs allow for numbers without a name
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _started(words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in its own session; if the block raises, the whole session is killed."""
    with uninterrupted() as before:
        process = start_process(words, before)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield process
        except BaseException:
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
            kill_process(process)
            raise
        finally:
            close_streams(process)


def start_process(words: Sequence[str], mask: set[signal.Signals]) -> subprocess.Popen[bytes]:
    """Start a process in its own session, with three pipes and the signal mask ``mask``.

    The caller blocks the ending signals (:func:`uninterrupted`) until it has recorded the process.
    Raises ``OSError`` and ``ValueError``.
    """
    return subprocess.Popen(  # noqa: S603  # the user asks for this command
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A signal mask survives exec.
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
    )


def kill_process(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that has not been waited for, with everything in its session."""
    # Not waited for yet, so the number still belongs to its group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def close_streams(process: subprocess.Popen[bytes]) -> None:
    """Close those of its three pipes that are still open."""
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        # Buffered octets have no reader.
        with suppress(BrokenPipeError):
            stream.close()


def killer(code: int) -> str:
    """The signal that ended a process, from its return code or the exit code of a shell around it;
    empty if no signal did."""
    number = -code if code < 0 else code - 128
    if code >= 0 and number not in signal.valid_signals():
        return ""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        # A real-time signal.
        return f"signal {number}"


def _converse(
    process: subprocess.Popen[bytes], octets: bytes, deadline: float
) -> tuple[bytes, bytes]:
    """Write ``octets`` and read both outputs to their ends, all at the same time.

    Raises ``TimeoutError`` and :class:`CommandError`.
    """
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None
    assert stdout is not None
    assert stderr is not None
    rest = memoryview(octets)
    read: dict[object, bytearray] = {stdout: bytearray(), stderr: bytearray()}
    os.set_blocking(stdin.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(stdin, selectors.EVENT_WRITE)
        for stream in (stdout, stderr):
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if key.fileobj is stdin:
                    rest = rest[write_some(stdin, rest) :]
                    ended = not rest
                else:
                    chunk = os.read(key.fd, _CHUNK)
                    read[key.fileobj] += chunk
                    ended = not chunk
                if ended:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]  # a stream, no descriptor
            if sum(map(len, read.values())) > OUTPUT_LIMIT:
                raise CommandError(f"more than {OUTPUT_LIMIT // 2**20} MiB of output")
    return bytes(read[stdout]), bytes(read[stderr])


def write_some(stream: IO[bytes], octets: memoryview) -> int:
    """Write what the pipe accepts now; returns how many octets are done with."""
    try:
        return os.write(stream.fileno(), octets[:_CHUNK])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        # The command closed its input, or it has ended.
        return len(octets)
