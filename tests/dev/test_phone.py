"""The page that has telephones trust this machine."""

from __future__ import annotations

import ssl
from html.parser import HTMLParser
from pathlib import Path

import pytest

from h2static.command.banner import qr_code
from h2static.dev.application import DevApplication, DevOptions
from h2static.dev.broker import Broker
from h2static.localca.certificates import ensure_certificate
from tests.dev.support import FakeSite, bytes_of, fields_of, request, text_response
from tests.support.exchange import ask

IPHONE = b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit Safari/604.1"
ANDROID = b"Mozilla/5.0 (Linux; Android 15; Pixel) AppleWebKit Chrome/130 Mobile Safari/537.36"


def around(authority_file: str | None) -> DevApplication:
    options = DevOptions(folders=(), authority_file=authority_file)
    site = FakeSite(text_response(404))
    return DevApplication(site, Broker(now=0.0), options, clock=lambda: 0.0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    return ensure_certificate(folder=tmp_path_factory.mktemp("ca")).authority_file


class _Opened(HTMLParser):
    """The heads of the sections that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: list[str] = []
        self._open = self._in_summary = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "details":
            self._open = "open" in dict(attrs)
        self._in_summary = tag == "summary"

    def handle_data(self, data: str) -> None:
        if self._in_summary and self._open:
            self.heads.append(data)
        self._in_summary = False


@pytest.mark.parametrize(("agent", "head"), [(IPHONE, "iPhone and iPad"), (ANDROID, "Android")])
def test_the_page_has_the_steps_of_the_platform(authority: str, agent: bytes, head: str) -> None:
    asked = request(
        b"/.h2static/ca",
        (b"user-agent", agent),
        (b"sec-fetch-site", b"none"),
        authority=b"192.0.2.7",
    )
    response = ask(around(authority), asked)
    assert response.status == 200
    text = bytes_of(response).decode()
    parser = _Opened()
    parser.feed(text)
    assert parser.heads == [head]
    assert "<b>192.0.2.7</b>" in text
    assert "<script" not in text
    assert 'href="/.h2static/ca.crt"' in text


def test_the_certificate_is_the_authoritys(authority: str) -> None:
    response = ask(around(authority), request(b"/.h2static/ca.crt"))
    assert fields_of(response)[b"content-type"] == b"application/x-x509-ca-cert"
    pem = ssl.DER_cert_to_PEM_cert(bytes_of(response))
    assert pem.split() == Path(authority).read_text().split()
    head = ask(around(authority), request(b"/.h2static/ca.crt", method=b"HEAD"))
    assert (head.status, head.body) == (200, b"")


def test_other_sites_are_told_nothing(authority: str) -> None:
    asked = request(b"/.h2static/ca", (b"sec-fetch-site", b"cross-site"))
    assert ask(around(authority), asked).status == 403


def test_without_an_authority_there_is_no_page() -> None:
    assert ask(around(None), request(b"/.h2static/ca")).status == 404


def test_the_code_for_terminals() -> None:
    text = qr_code("https://192.168.1.7:8443/.h2static/ca")
    lines = text.splitlines()
    assert 10 < len(lines) <= 20
    assert max(map(len, lines)) > 20
