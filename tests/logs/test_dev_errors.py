"""The error log of dev mode."""

from __future__ import annotations

import re

import pytest

from h2static.logs.dev_errors import DevErrorLog

FAILED = "TLS handshake failed: the client does not trust the certificate"


def test_distrust_is_told_once_in_the_manner_of_the_request_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    log = DevErrorLog()
    for port in range(5):
        log.report("tls", f"127.0.0.1:{port}", FAILED)
    err = capfd.readouterr().err
    assert re.fullmatch(r"\d\d:\d\d:\d\d  a browser does not trust the certificate; .*\n", err)
    assert "h2static install-ca --yes" in err


def test_spare_connections_of_browsers_are_no_errors(capfd: pytest.CaptureFixture[str]) -> None:
    log = DevErrorLog()
    log.report(
        "connection", "127.0.0.1:1", "PROTOCOL_ERROR: no connection preface before the timeout"
    )
    log.report("tls", "127.0.0.1:1", "TLS handshake failed: the client closed the connection")
    assert capfd.readouterr().err == ""
    log.report("connection", "127.0.0.1:1", "PROTOCOL_ERROR: something else")
    assert "[connection] 127.0.0.1:1: PROTOCOL_ERROR: something else\n" in capfd.readouterr().err
