"""Log files: what they are opened as."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from h2static.logs.files import LogFile
from tests.support.processes import DEADLINE


def test_a_fifo_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    """Waiting for a reader, a server would not even end by SIGTERM."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(OSError, match="a FIFO without a reader") as caught:
        LogFile(str(fifo), 1)
    assert (caught.value.errno, caught.value.filename) == (errno.ENXIO, str(fifo))


def test_a_fifo_whose_reader_has_gone_is_not_opened_again(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    log_file = LogFile(str(fifo), 1)
    log_file.write(b"one\n")
    assert os.read(reader, 100) == b"one\n"
    os.close(reader)
    with pytest.raises(OSError, match="a FIFO without a reader"):
        log_file.reopen()
    log_file.close()


def test_a_slow_reader_loses_no_line(tmp_path: Path) -> None:
    """A write waits for room, as one to a file does."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    log_file = LogFile(str(fifo), 1)
    # More than a pipe holds.
    lines = b"x" * 1_000_000 + b"\n"
    writer = threading.Thread(target=log_file.write, args=(lines,), daemon=True)
    writer.start()
    os.set_blocking(reader, True)
    read = bytearray()
    while len(read) < len(lines) and (more := os.read(reader, 65536)):
        read += more
    writer.join(DEADLINE)
    assert not writer.is_alive()
    assert bytes(read) == lines
    log_file.close()
    os.close(reader)
