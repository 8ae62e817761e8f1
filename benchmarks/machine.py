"""What measurements depend on, beside what is measured: the machine, its kernel, its settings.

Promise: :func:`facts` only reads; :func:`congestion_control` changes one setting of the kernel as
long as the block lasts, which needs its permission.
"""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")


def facts() -> dict[str, str]:
    """By name, in the order in which they are worth reading; what is not known is left out."""
    found = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "processors": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()}",
        "congestion control": _read(_CONGESTION),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "load at the start": f"{os.getloadavg()[0]:.1f}",
    }
    return {name: value for name, value in found.items() if value}


@contextmanager
def congestion_control(name: str | None) -> Iterator[None]:
    """Have new connections use ``name``; ``None``: what the system uses.  Raises ``OSError`` where
    that is not allowed or there is no such one."""
    if name is None:
        yield
        return
    before = _CONGESTION.read_text()
    _CONGESTION.write_text(name)
    try:
        yield
    finally:
        _CONGESTION.write_text(before)


def _processor() -> str:
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
