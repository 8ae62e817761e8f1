"""The limit of open descriptors: each connection needs one."""

from __future__ import annotations

import contextlib
import resource

#: What macOS allows where it says "unlimited" (OPEN_MAX).
_OPEN_MAX = 10_240


def raise_descriptor_limit() -> None:
    """Allow this process as many open descriptors as the system lets it have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, _OPEN_MAX), hard))
