"""Basic authentication around an application."""

from __future__ import annotations

import base64
import io
import re

import pytest

from h2static.command import commands
from h2static.http.messages import Response
from h2static.server import basic_auth
from h2static.server.basic_auth import (
    BasicAuthApplication,
    Credential,
    ask_for_passwords,
    hash_password,
    parse_credential,
)
from tests.dev.support import FakeSite, request, text_response
from tests.support.exchange import ask

HASH = hash_password("sécret:with colon")


def around(site: FakeSite | None = None) -> BasicAuthApplication:
    return ask_for_passwords([f"mé:{HASH}"], site or FakeSite(text_response(prepared=True)))


def field(user: str, password: str, scheme: str = "Basic") -> tuple[bytes, bytes]:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return b"authorization", f"{scheme} {encoded}".encode()


def visit(application: BasicAuthApplication, *fields: tuple[bytes, bytes]) -> Response:
    return ask(application, request(b"/", *fields))


def test_without_a_password_there_is_a_challenge() -> None:
    site = FakeSite(text_response(prepared=True))
    application = around(site)
    response = visit(application)
    assert response.status == 401
    assert dict(response.fields)[b"www-authenticate"].startswith(b"Basic realm=")
    # Nobody did anything wrong yet.
    assert response.refusal is None
    assert application.recall(request(b"/")) is None
    assert site.handled == site.recalled == []


@pytest.mark.parametrize(
    "wrong",
    [
        field("mé", "wrong"),
        field("you", "sécret:with colon"),
        field("mé", "sécret:with colon", "Bearer"),
        (b"authorization", b"Basic ???"),
        (b"authorization", b"Basic " + base64.b64encode(b"no colon")),
        (b"authorization", b""),
    ],
)
def test_what_is_wrong_is_refused_and_told(wrong: tuple[bytes, bytes]) -> None:
    site = FakeSite(text_response(prepared=True))
    application = around(site)
    for _ in range(2):
        response = visit(application, wrong)
        assert response.status == 401
        assert response.refusal == "the user or the password is wrong"
    assert site.handled == []


def test_who_is_right_comes_in_and_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    application = around()
    right = field("mé", "sécret:with colon")
    asked = request(b"/", right)
    assert application.recall(asked) is None
    assert visit(application, right).status == 200
    monkeypatch.setattr(basic_auth, "_scrypt", lambda *_: pytest.fail("it was known"))
    assert application.recall(asked) is not None
    assert visit(application, right).status == 200


def test_a_field_that_is_too_long_is_not_looked_at() -> None:
    response = visit(around(), (b"authorization", b"Basic " + b"A" * 4000))
    assert (response.status, response.refusal) == (401, None)


def test_head_has_no_content() -> None:
    response = ask(around(), request(b"/", method=b"HEAD"))
    assert (response.status, response.body) == (401, b"")


def test_hashes() -> None:
    one = parse_credential(f"me:{HASH}")
    assert one.matches("sécret:with colon".encode())
    assert not one.matches(b"else")
    assert hash_password("x") != hash_password("x")
    assert isinstance(one, Credential)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("nobody", "expected USER:HASH; h2static hash-password prints the hash"),
        (":x", "expected USER:HASH"),
        ("me:hunter2", "what follows 'me:' is no hash"),
        ("me:scrypt$14$AAAA$AAAA", "was not made by h2static hash-password"),
        (f"me:scrypt$30${'A' * 22}==${'A' * 43}=", "was not made by h2static hash-password"),
        ("me:scrypt$14$A$A", "the hash of 'me' is broken"),
    ],
)
def test_faults_do_not_tell_passwords(written: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        parse_credential(written)
    assert "hunter2" not in str(caught.value)


def test_the_command_that_makes_hashes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("pass word\n"))
    assert commands.COMMANDS["hash-password"][0]([]) == 0
    out = capsys.readouterr().out
    assert parse_credential(f"me:{out.strip()}").matches(b"pass word")
