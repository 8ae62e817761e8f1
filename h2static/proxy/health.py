"""Active health checks: periodic requests to an upstream.

Contract: :func:`watch_health` sets :attr:`Upstream.complaint`, and writes to the error log when it
changes.  It opens a new connection each time, which also shows whether connections can be made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import anyio

from h2static.client.client import connect
from h2static.client.errors import ClientError
from h2static.client.options import ConnectOptions
from h2static.proxy.config import HealthCheck
from h2static.proxy.upstream import Lane, Upstream


async def watch_health(
    upstream: Upstream, check: HealthCheck, report: Callable[[str], None]
) -> None:
    """Ask ``upstream`` until canceled."""
    options = replace(upstream.options(Lane.ANY), connect_seconds=check.timeout)
    while True:
        complaint = await _ask(upstream, check, options)
        if (complaint is None) != (upstream.complaint is None):
            report(f"upstream {upstream.name}: {complaint or 'is healthy again'}")
        upstream.complaint = complaint
        if complaint is None and upstream.is_down():
            upstream.note_success()
        await anyio.sleep(check.interval)


async def _ask(upstream: Upstream, check: HealthCheck, options: ConnectOptions) -> str | None:
    """The problem; ``None``: none."""
    try:
        with anyio.fail_after(check.timeout):
            async with connect(upstream.origin, options) as client:
                response = await client.get(check.path)
                status = response.status
                response.cancel()
    except TimeoutError:
        return f"the health check timed out after {check.timeout:g} s"
    except (ClientError, OSError) as error:
        return f"the health check failed: {error}"
    return None if 200 <= status <= 399 else f"the health check returned {status}"
