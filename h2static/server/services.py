"""How a configuration becomes HTTP/2 services: one for each way in which requests arrive.

Contract: the services of a worker differ in the schemes that a request may name (RFC 9113 section
8.3.1) and share everything else: batches, answers, encoded responses, the journal.
"""

from __future__ import annotations

from dataclasses import dataclass

from h2static.config import Config
from h2static.http.messages import Application
from h2static.http2 import registry as r
from h2static.http2.limits import Limits
from h2static.http2.push import Pusher
from h2static.http2.service import ServerSettings, Service, make_service


@dataclass(slots=True, kw_only=True)
class Services:
    """The services of a worker."""

    cleartext: Service
    secure: Service
    #: Cleartext from a trusted proxy, which may have taken off the TLS.
    proxied: Service


def make_services(
    config: Config,
    application: Application,
    limits: Limits,
    *,
    pusher: Pusher | None,
    journal: bool,
) -> Services:
    """The services of ``config``; ``journal``: note finished requests for an access log."""
    cleartext = make_service(application, _settings(config, b"http"), limits)
    cleartext.pusher = pusher
    cleartext.journal = [] if journal else None
    return Services(
        cleartext=cleartext,
        secure=make_service(application, _settings(config, b"https"), limits, beside=cleartext),
        proxied=make_service(
            application, _settings(config, b"http", b"https"), limits, beside=cleartext
        ),
    )


def _settings(config: Config, *schemes: bytes) -> ServerSettings:
    bits, connection_bits = config.window_bits, config.connection_window_bits
    return ServerSettings(
        header_table_size=config.header_table_size,
        encoder_header_table_size=config.encoder_header_table_size,
        max_concurrent_streams=config.max_concurrent_streams,
        initial_window_size=None if bits is None else 2**bits - 1,
        connection_window_size=(
            r.INITIAL_WINDOW_SIZE if connection_bits is None else 2**connection_bits - 1
        ),
        padding=config.padding,
        early_response=config.early_response,
        trailers=config.trailers,
        no_content_length=config.no_content_length,
        schemes=frozenset(schemes),
    )
