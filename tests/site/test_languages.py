"""Pages in several languages."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from h2static.http.messages import Response
from h2static.site.languages import parse_languages, preferred
from h2static.site.rules import ErrorPage, parse_header_rule
from tests.dev.support import Dev
from tests.site.harness import make_client, octets_of, write

LANGUAGES = ("en", "de", "pt-BR")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "index.html", "English")
    write(tmp_path, "index.de.html", "Deutsch")
    write(tmp_path, "index.pt-BR.html", "Brasil")
    write(tmp_path, "alone.html", "alone")
    write(tmp_path, "style.css", "a{}")
    write(tmp_path, "style.de.css", "b{}")
    write(tmp_path, "404.html", "none")
    write(tmp_path, "404.de.html", "nichts")
    return tmp_path


def fields_of(response: Response) -> dict[bytes, bytes]:
    return dict(response.fields)


@pytest.mark.parametrize(
    ("accept", "text", "language"),
    [
        (None, "English", b"en"),
        ("", "English", b"en"),
        ("de", "Deutsch", b"de"),
        ("DE-at, en;q=0.9", "Deutsch", b"de"),
        ("en-US,en;q=0.9,de;q=0.8", "English", b"en"),
        ("fr, de;q=0.5, en;q=0.4", "Deutsch", b"de"),
        ("pt, en;q=0.5", "Brasil", b"pt-BR"),
        ("fr", "English", b"en"),
        ("*, en;q=0.1", "Deutsch", b"de"),
        ("de;q=0, *", "English", b"en"),
        ("en;q=0, de;q=0", "English", b"en"),
        ("de;q=2, ;;, \xff", "English", b"en"),
    ],
)
def test_a_page_in_the_language_that_is_wanted(
    root: Path, accept: str | None, text: str, language: bytes
) -> None:
    client = make_client(root, languages=LANGUAGES)
    for path in ("/", "/index.html"):
        response = client.get(path, accept_language=accept)
        assert octets_of(response) == text.encode()
        assert fields_of(response)[b"content-language"] == language
        assert fields_of(response)[b"vary"] == b"accept-language"
        assert fields_of(response)[b"content-type"] == b"text/html; charset=utf-8"


def test_each_language_is_another_representation(root: Path) -> None:
    client = make_client(root, languages=LANGUAGES)
    tags = [fields_of(client.get("/", accept_language=one))[b"etag"] for one in ("en", "de")]
    assert tags[0] != tags[1]
    same = client.get("/", accept_language="de", if_none_match=tags[1].decode())
    assert same.status == 304
    assert fields_of(same)[b"vary"] == b"accept-language"
    assert client.get("/", accept_language="de", if_none_match=tags[0].decode()).status == 200
    part = client.get("/", accept_language="de", range="bytes=0-3")
    assert (part.status, octets_of(part)) == (206, b"Deut")


def test_compressed_siblings_are_those_of_the_language(root: Path) -> None:
    text = b"Deutsch " * 100
    write(root, "index.de.html", text)
    write(root, "index.de.html.gz", gzip.compress(text))
    client = make_client(root, languages=LANGUAGES)
    packed = client.get("/", accept_language="de", accept_encoding="gzip")
    assert fields_of(packed)[b"content-encoding"] == b"gzip"
    assert gzip.decompress(octets_of(packed)) == text
    assert fields_of(packed)[b"vary"] == b"accept-encoding, accept-language"
    english = client.get("/", accept_encoding="gzip")
    assert octets_of(english) == b"English"


def test_what_has_no_other_language_and_what_is_no_page_says_nothing(root: Path) -> None:
    client = make_client(root, languages=LANGUAGES)
    for path in ("/alone.html", "/style.css"):
        response = client.get(path, accept_language="de")
        assert octets_of(response) in (b"alone", b"a{}")
        assert not {b"vary", b"content-language"} & fields_of(response).keys()


def test_without_the_option_nothing_is_looked_for(root: Path) -> None:
    response = make_client(root).get("/", accept_language="de")
    assert octets_of(response) == b"English"
    assert not {b"vary", b"content-language"} & fields_of(response).keys()


def test_error_pages_clean_addresses_and_rules(root: Path) -> None:
    write(root, "about.html", "about")
    write(root, "about.de.html", "über")
    client = make_client(
        root,
        languages=LANGUAGES,
        clean_urls=True,
        error_page=(ErrorPage(status=404, file="404.html"),),
        header=(parse_header_rule("/about.html:content-language: de-CH"),),
    )
    missing = client.get("/none", accept_language="de")
    assert (missing.status, octets_of(missing)) == (404, b"nichts")
    about = client.get("/about", accept_language="de")
    assert octets_of(about) == "über".encode()
    # What the owner says wins.
    assert fields_of(about)[b"content-language"] == b"de-CH"


def test_a_page_that_comes_later_is_seen(root: Path) -> None:
    client = make_client(root, languages=LANGUAGES)
    assert octets_of(client.get("/alone.html", accept_language="de")) == b"alone"
    write(root, "alone.de.html", "allein")
    assert octets_of(client.get("/alone.html", accept_language="de")) == b"allein"
    (root / "alone.de.html").unlink()
    assert octets_of(client.get("/alone.html", accept_language="de")) == b"alone"


def test_in_dev_mode_too(root: Path) -> None:
    dev = Dev(root, languages=LANGUAGES)
    response = dev.visit(b"/", (b"accept-language", b"de"))
    assert b"Deutsch" in octets_of(response)
    assert b"accept-language" in fields_of(response)[b"vary"]
    assert b"English" in octets_of(dev.visit(b"/"))


def test_equal_wishes_are_those_of_the_field() -> None:
    assert preferred(b"pt-BR, de, en", LANGUAGES) == ["pt-BR", "de", "en"]
    assert preferred(b"de;q=0.5, en;q=0.5", LANGUAGES) == ["de", "en"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "'' is no language tag"),
        ("en,", "'' is no language tag"),
        ("en,../de", "'../de' is no language tag"),
        ("en,EN", "a language is there twice"),
        (",".join(f"aa-{number}" for number in range(65)), "more than 64 languages"),
    ],
)
def test_lists_with_a_fault(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_languages(text)
    assert parse_languages("en, de,pt-BR") == LANGUAGES
