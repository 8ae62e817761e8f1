"""Samples the stack of this process while it uses CPU time.

Python imports a module of this name at start when its folder is on PYTHONPATH, in every process of
a server, however it is spawned.  Those whose command line contains ``$H2STATIC_SAMPLED`` are
sampled: a process that waits for signals itself would be disturbed.  Each of them writes its
samples, as JSON, to ``$H2STATIC_SAMPLES/<process id>.json`` when it ends, by ``os._exit`` too.

Strategy: SIGPROF comes by CPU time, and Python runs its handler in the main thread between two
instructions: time in a C function (a system call, a look-up) counts for its caller's line.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from collections import Counter
from types import FrameType
from typing import NoReturn

#: Seconds of CPU time between two samples; kernels with a slower clock take longer steps.
INTERVAL = 0.001

#: Stacks from the innermost frame to the outermost: ``file:line function`` for each.
stacks: Counter[tuple[tuple[str, str, int], ...]] = Counter()


def write() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    if stacks:
        path = os.path.join(os.environ["H2STATIC_SAMPLES"], f"{os.getpid()}.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump([[count, stack] for stack, count in stacks.items()], file)


def sample(_number: int, frame: FrameType | None) -> None:
    stack = []
    while frame is not None:
        stack.append((frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno))
        frame = frame.f_back
    stacks[tuple(stack)] += 1


leave = os._exit


def write_and_leave(status: int) -> NoReturn:
    write()
    leave(status)


if os.environ["H2STATIC_SAMPLED"] in " ".join(sys.orig_argv):
    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    atexit.register(write)
    os._exit = write_and_leave
