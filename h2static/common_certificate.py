"""The single certificate of a server without hosts: its TLS contexts, and its renewal.

Contract: part of the assembly.  Servers with hosts or several ports use
:mod:`h2static.virtual_hosts` instead.  TLS modules are not imported for cleartext.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from h2static.config import Config
from h2static.logs.errors import ErrorLog
from h2static.server.entrance import Entrance
from h2static.server.pool import Pool

if TYPE_CHECKING:
    from h2static.server.certificate_watch import CertificateWatch


def make_tls(config: Config, *, tickets: bool) -> ssl.SSLContext | None:
    """The TLS context of ``config``; ``tickets`` as for
    :func:`~h2static.server.tls.make_context`."""
    return None if config.no_tls else context_of(config, tickets=tickets)


def context_of(config: Config, *, tickets: bool) -> ssl.SSLContext:
    """As :func:`make_tls`, for a configuration that has a certificate."""
    from h2static.server.tls import make_context

    return make_context(config, tickets=tickets)


def make_certificate_watch(
    config: Config, *, tickets: bool
) -> CertificateWatch[ssl.SSLContext] | None:
    """Create the watch for renewals of the certificate of ``config``, if enabled.

    Must be created before :func:`make_tls` reads the files.
    """
    if config.no_tls or not config.watch_certificate:
        return None
    from h2static.server.certificate_watch import CertificateWatch
    from h2static.server.tls import make_context

    return CertificateWatch((config,), lambda: make_context(config, tickets=tickets))


def renewing(
    watch: CertificateWatch[ssl.SSLContext] | None,
    pool: Pool,
    entrances: Sequence[Entrance],
    error_log: ErrorLog,
    *,
    also: Sequence[Callable[[], None]],
    tells: bool,
) -> Callable[[], None]:
    """A function that makes ``watch`` check; ``also`` are called with a new certificate; ``tells``:
    whether this process reports the result."""
    if watch is None:
        return lambda: None
    from h2static.server.certificate_watch import Renewal

    def use(context: ssl.SSLContext) -> None:
        for one in entrances:
            one.tls = context
        for one_more in also:
            one_more()

    renewal = Renewal(use=use, report=certificate_reporter(error_log, tells=tells))
    return lambda: watch.look(pool, renewal)


def certificate_reporter(error_log: ErrorLog, *, tells: bool) -> Callable[[str], None]:
    """Reports renewed certificates; ``tells``: whether this process reports."""

    def report(text: str) -> None:
        if tells:
            error_log.report("certificate", "", text)

    return report
