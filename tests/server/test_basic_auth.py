"""Basic authentication around an application."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from h2static.command import commands
from h2static.http.messages import Client, Response
from h2static.server import basic_auth
from h2static.server.basic_auth import (
    BasicAuthApplication,
    Credential,
    check_users,
    hash_password,
    parse_credential,
)
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.site.refusals import Refusals
from tests.dev.support import FakeSite, request, text_response
from tests.support.exchange import CLIENT, FakeExchange, ask

HASH = hash_password("sécret:with colon")


class FakeThread:
    """Does its work at once, or when the test says so."""

    def __init__(self, *, waits: bool = False) -> None:
        self.waits = waits
        self.works: list[Callable[[], None]] = []

    def submit(self, work: Callable[[], None]) -> None:
        self.works.append(work)
        if not self.waits:
            self.run()

    def run(self) -> None:
        works, self.works = self.works, []
        for work in works:
            work()

    def stop(self) -> None:
        self.works.clear()


def around(
    site: FakeSite | None = None,
    thread: FakeThread | None = None,
    limits: ServerLimits = DEFAULT_LIMITS,
    post: Callable[[Callable[[], None]], None] = lambda action: action(),
) -> BasicAuthApplication:
    return BasicAuthApplication(
        site or FakeSite(text_response(prepared=True)),
        Refusals(),
        [parse_credential(f"mé:{HASH}")],
        thread=thread or FakeThread(),
        post=post,
        limits=limits,
    )


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
        assert response.refusal == "wrong user name or password"
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


def test_what_comes_at_once_with_one_field_is_one_check() -> None:
    thread = FakeThread(waits=True)
    application = around(thread=thread)
    exchanges = [FakeExchange(request(b"/", field("mé", "sécret:with colon"))) for _ in range(9)]
    for one in exchanges:
        application.handle(one)
    assert len(thread.works) == 1
    exchanges[3].lose()
    thread.run()
    assert [one.response and one.response.status for one in exchanges] == [
        None if place == 3 else 200 for place in range(9)
    ]


def test_who_tries_many_passwords_does_not_shut_others_out() -> None:
    thread = FakeThread(waits=True)
    limits = replace(DEFAULT_LIMITS, password_checks=5, password_checks_of_client=3)
    application = around(thread=thread, limits=limits)

    def come(password: str, client: Client) -> FakeExchange:
        exchange = FakeExchange(request(b"/", field("mé", password)), client=client)
        application.handle(exchange)
        return exchange

    tries = [come(f"guess {number}", CLIENT) for number in range(100)]
    told = [one.response.status for one in tries if one.response]
    assert told == [503] * 97
    refused = tries[-1].response
    assert refused is not None
    assert dict(refused.fields)[b"retry-after"] == b"1"
    assert refused.refusal == "too many passwords are being checked"
    others = [replace(CLIENT, host=f"192.0.2.{number}") for number in range(7, 10)]
    honest = come("sécret:with colon", others[0])
    assert come("else", others[1]).response is None
    # There is a bound for all of them, too.
    assert come("one too many", others[2]).response is not None
    thread.run()
    assert honest.response is not None
    assert honest.response.status == 200
    assert [one.response.status for one in tries[:3] if one.response] == [401] * 3
    # There is room again.
    assert come("once more", CLIENT).response is None


def test_nothing_is_done_for_who_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = FakeThread(waits=True)
    application = around(thread=thread)
    gone = FakeExchange(request(b"/", field("mé", "sécret:with colon")))
    application.handle(gone)
    gone.lose()
    with monkeypatch.context() as patch:
        patch.setattr(basic_auth, "_scrypt", lambda *_: pytest.fail("nobody waits"))
        thread.run()
    assert visit_later(application, thread).status == 200


def visit_later(application: BasicAuthApplication, thread: FakeThread) -> Response:
    exchange = FakeExchange(request(b"/", field("mé", "sécret:with colon")))
    application.handle(exchange)
    thread.run()
    assert exchange.response is not None
    return exchange.response


def test_who_comes_with_the_field_of_one_who_has_gone_gets_an_answer() -> None:
    thread, posted = FakeThread(waits=True), list[Callable[[], None]]()
    application = around(thread=thread, post=posted.append)
    gone, stays = [FakeExchange(request(b"/", field("mé", "no"))) for _ in range(2)]
    application.handle(gone)
    gone.lose()
    thread.run()
    application.handle(stays)
    posted.pop()()
    thread.run()
    posted.pop()()
    assert stays.response is not None
    assert stays.response.status == 401


def test_a_want_of_memory_is_no_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise MemoryError("no room")

    monkeypatch.setattr(basic_auth, "_scrypt", fail)
    exchange = FakeExchange(request(b"/", field("mé", "x")))
    around().handle(exchange)
    assert exchange.aborted == "the password could not be checked: no room"


def test_promises_belong_to_a_response_that_was_allowed() -> None:
    pushed = replace(request(b"/a.css"), promised=True)
    assert ask(around(), pushed).status == 200
    assert around().recall(pushed) is not None


def test_refusals_show_nothing_of_the_site() -> None:
    class OwnPages(FakeSite):
        def refuse(self, status: int, request: object) -> Response:
            return text_response(status, b"a page of the site")

    application = around(OwnPages(text_response()))
    for one in (None, request(b"/", field("mé", "no"))):
        refused = application.refuse(400, one)
        assert refused.status == 400
        assert isinstance(refused.body, bytes)
        assert b"of the site" not in refused.body
    right = request(b"/", field("mé", "sécret:with colon"))
    ask(application, right)
    assert application.refuse(400, right).body == b"a page of the site"


def test_letters_may_be_composed_or_not() -> None:
    accent = "\N{COMBINING ACUTE ACCENT}"
    decomposed = field(f"me{accent}", f"se{accent}cret:with colon")
    assert visit(around(), decomposed).status == 200
    written = hash_password(f"se{accent}cret")
    assert parse_credential(f"x:{written}").matches("sécret".encode())


def test_somebody_unknown_takes_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []

    def note(_password: bytes, _salt: bytes, cost: int, length: int) -> bytes:
        costs.append(cost)
        return bytes(length)

    known = replace(parse_credential(f"mé:{HASH}"), cost=15)
    application = BasicAuthApplication(
        FakeSite(text_response()),
        Refusals(),
        [known],
        thread=FakeThread(),
        post=lambda action: action(),
    )
    monkeypatch.setattr(basic_auth, "_scrypt", note)
    for user in ("mé", "you"):
        visit(application, field(user, "no"))
    assert costs == [2**15, 2**15]


def test_a_user_has_one_password() -> None:
    with pytest.raises(ValueError, match="the user 'mé' is repeated"):
        check_users([f"mé:{HASH}", f"you:{HASH}", f"mé:{hash_password('b')}"])


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
        ("me:hunter2", "'me:' is not followed by a hash"),
        ("me:scrypt$14$AAAA$AAAA", "was not made with h2static hash-password"),
        (f"me:scrypt$30${'A' * 22}==${'A' * 43}=", "was not made with h2static hash-password"),
        ("me:scrypt$14$A$A", "the hash of 'me' is malformed"),
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
