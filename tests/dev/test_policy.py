"""Content-Security-Policy: extended by exactly what is needed."""

from __future__ import annotations

import pytest

from h2static.dev.policy import (
    Extension,
    Origin,
    extend_meta_elements,
    extend_policies,
    lets_client_work,
)

ORIGIN = Origin(scheme="https", authority="localhost:8443")
JS = "https://localhost:8443/.h2static/client.js"
EVENTS = "https://localhost:8443/.h2static/events"

CASES = [
    # Nothing to do: allowed already, or nothing said about it
    ("", "", None),
    ("img-src 'none'", "img-src 'none'", None),
    ("default-src 'self'", "default-src 'self'", None),
    ("default-src *", "default-src *", None),
    ("default-src https:", "default-src https:", None),
    ("script-src 'self'; connect-src 'self'", "script-src 'self'; connect-src 'self'", None),
    ("DEFAULT-SRC 'SELF'", "DEFAULT-SRC 'SELF'", None),
    (
        "script-src https://localhost:8443; style-src x",
        "script-src https://localhost:8443; style-src x",
        None,
    ),
    # Forbidden: the fall-back is copied, the rest stays as it is
    (
        "default-src 'none'",
        f"default-src 'none'; script-src {JS}; connect-src {EVENTS}",
        None,
    ),
    (
        "default-src 'none'; script-src 'self' ; img-src *;",
        f"default-src 'none'; script-src 'self' ; img-src *; connect-src {EVENTS}",
        None,
    ),
    ("script-src 'none'", f"script-src {JS}", None),
    ("script-src cdn.test", f"script-src cdn.test {JS}", None),
    (
        "script-src-elem cdn.test; script-src 'self'",
        f"script-src-elem cdn.test {JS}; script-src 'self'",
        None,
    ),
    (
        "default-src cdn.test",
        f"default-src cdn.test; script-src cdn.test {JS}; connect-src cdn.test {EVENTS}",
        None,
    ),
    ("script-src", f"script-src {JS}", None),
    # A nonce would switch 'unsafe-inline' off, so none is added
    ("script-src 'unsafe-inline'", f"script-src 'unsafe-inline' {JS}", None),
    ("script-src 'nonce-abc='", f"script-src 'nonce-abc=' {JS}", None),
    # 'strict-dynamic' ignores addresses: the page's own nonce, or one of ours
    (
        "script-src 'strict-dynamic' 'nonce-abc='",
        "script-src 'strict-dynamic' 'nonce-abc='",
        "abc=",
    ),
    (
        "script-src 'strict-dynamic' 'sha256-x'",
        "script-src 'strict-dynamic' 'sha256-x' 'nonce-spare'",
        "spare",
    ),
    (
        "default-src 'strict-dynamic' 'sha256-x' 'self'",
        (
            "default-src 'strict-dynamic' 'sha256-x' 'self';"
            " script-src 'strict-dynamic' 'sha256-x' 'self' 'nonce-spare'"
        ),
        "spare",
    ),
    # Several policies: each must allow the client
    (
        "script-src 'self', script-src 'none'",
        f"script-src 'self', script-src {JS}",
        None,
    ),
    (
        "script-src 'strict-dynamic' 'nonce-a', script-src 'strict-dynamic' 'nonce-b'",
        "script-src 'strict-dynamic' 'nonce-a', script-src 'strict-dynamic' 'nonce-b' 'nonce-a'",
        "a",
    ),
    # Of repeated directives the first counts
    ("script-src 'none'; script-src 'self'", f"script-src {JS}; script-src 'self'", None),
]


@pytest.mark.parametrize(("policy", "expected", "nonce"), CASES)
def test_field(policy: str, expected: str, nonce: str | None) -> None:
    extension = Extension(origin=ORIGIN, spare_nonce="spare")
    assert extend_policies(policy, extension) == expected
    assert extension.nonce == nonce


@pytest.mark.parametrize(("policy", "expected", "nonce"), CASES)
def test_extending_twice_changes_nothing(policy: str, expected: str, nonce: str | None) -> None:
    extension = Extension(origin=ORIGIN, spare_nonce="spare", nonce=nonce)
    assert extend_policies(expected, extension) == expected


def test_ipv6_has_no_host_source() -> None:
    extension = Extension(origin=Origin(scheme="http", authority="[::1]:80"), spare_nonce="s")
    assert extend_policies("script-src x", extension) == "script-src x 'self'"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            '<meta http-equiv="Content-Security-Policy" content="script-src \'none\'">',
            f'<meta http-equiv="Content-Security-Policy" content="script-src {JS}">',
        ),
        (
            "<META CONTENT='script-src &#39;none&#39;' HTTP-EQUIV=content-security-policy />",
            f"<META CONTENT='script-src {JS}' HTTP-EQUIV=content-security-policy />",
        ),
        (
            "<meta content='script-src &#39;self&#39; x' http-equiv='content-security-policy' />",
            "<meta content='script-src &#39;self&#39; x' http-equiv='content-security-policy' />",
        ),
        (
            '<meta http-equiv="content-security-policy" content="img-src \'none\'">',
            '<meta http-equiv="content-security-policy" content="img-src \'none\'">',
        ),
        (
            '<meta name="content-security-policy" content="script-src \'none\'">',
            '<meta name="content-security-policy" content="script-src \'none\'">',
        ),
        ("<p>no policy</p>", "<p>no policy</p>"),
        (
            '<meta charset="utf-8"><meta http-equiv="content-security-policy">',
            '<meta charset="utf-8"><meta http-equiv="content-security-policy">',
        ),
    ],
)
def test_meta(document: str, expected: str) -> None:
    extension = Extension(origin=ORIGIN, spare_nonce="spare")
    assert extend_meta_elements(document.encode(), extension) == expected.encode()


@pytest.mark.parametrize(
    ("field", "works"),
    [
        ("default-src 'none'", True),
        ("sandbox", False),
        ("img-src *; Sandbox allow-scripts", False),
        ("sandbox allow-same-origin", False),
        ("sandbox Allow-Scripts allow-forms allow-same-origin", True),
        ("sandbox allow-scripts allow-same-origin, sandbox allow-scripts", False),
    ],
)
def test_sandboxes(field: str, works: bool) -> None:
    assert lets_client_work(field) is works


def test_meta_nonce_is_used() -> None:
    policy = b"script-src 'strict-dynamic' 'nonce-q1'"
    document = b'<meta http-equiv=Content-Security-Policy content="' + policy + b'">'
    extension = Extension(origin=ORIGIN, spare_nonce="spare")
    assert extend_meta_elements(document, extension) == document
    assert extension.nonce == "q1"
