"""Running a command to its end, or ending it with all that it started.

Contract: :func:`run_command` returns what a command wrote and how it ended.  However else it is
left - no answer in time, too much of an answer, an interruption -, neither the command nor a
process that it started and that stayed in its session is running afterwards.
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

#: A command that takes longer for one story is stopped, in seconds.
TIMEOUT: Final = 60.0
#: Octets that a command may write, errors included: a hundred times what the longest story of the
#: corpus takes with all its tables, and little enough to be kept by every worker at once.
OUTPUT_LIMIT: Final = 64 * 2**20
#: What ends this program, and must not come between starting a command and knowing of it.
ENDING_SIGNALS: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
#: Octets read or written at once.
_CHUNK: Final = 2**16


class CommandError(Exception):
    """The command did not do what a decoder or encoder must do."""


class SilentError(CommandError):
    """The command gave no answer in time."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Finished:
    """How a command ended and what it wrote."""

    #: The exit code, or the negative number of the signal that killed it.
    code: int
    output: bytes
    errors: bytes


def run_command(words: Sequence[str], octets: bytes, *, timeout: float = TIMEOUT) -> Finished:
    """Run the command ``words`` with ``octets`` on its standard input.

    ``timeout`` in seconds.  Raises :class:`CommandError` when there is no end in time or too much
    output, ``OSError`` and ``ValueError`` when the command cannot be started.
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
    """Let what would end this program wait until the block is left; yields what waited before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        yield before  # type: ignore[misc]  # the stubs allow for numbers without a name
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _started(words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, which is killed as a whole if the block raises."""
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
    """A process in a session of its own, with three pipes and the signal mask ``mask``.

    The caller holds back what ends this program (:func:`uninterrupted`) until it has noted the
    process somewhere.  Raises ``OSError`` and ``ValueError``.
    """
    return subprocess.Popen(  # noqa: S603  # the user asks for this command
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A mask survives the start of another program.
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
    )


def kill_process(process: subprocess.Popen[bytes]) -> None:
    """End a process that nobody has waited for yet, with all that it started in its session."""
    # Not waited for yet, so that the number is still that of its group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def close_streams(process: subprocess.Popen[bytes]) -> None:
    """Close what is still open of its three pipes."""
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        # What is left in its buffer has no reader.
        with suppress(BrokenPipeError):
            stream.close()


def killer(code: int) -> str:
    """The signal that ended a process, by its return code or by the exit code of a shell around
    it; empty where none did."""
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
    """Write ``octets`` and read both outputs to their ends, all at once.

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
    """Write what the pipe takes now; returns how many octets need not be written any more."""
    try:
        return os.write(stream.fileno(), octets[:_CHUNK])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        # It reads no further: it has seen enough, or it has ended.
        return len(octets)
