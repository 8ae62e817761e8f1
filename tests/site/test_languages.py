"""Accept-Language (RFC 9110 section 12.5.4) and files in several languages."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.messages import Response
from h2static.site.cache_key import CacheKeys
from h2static.site.languages import MOST_LANGUAGES, Languages, parse_languages
from h2static.site.limits import SiteLimits
from tests.site.harness import Client, field, make_client, octets_of, request, write

TAGS = ("en", "de", "de-AT", "pt-BR")


@pytest.mark.parametrize(
    ("accept_language", "order"),
    [
        (None, ""),
        (b"", ""),
        (b"de", "de de-AT"),
        (b"DE", "de de-AT"),
        # The file of the very region is the better one.
        (b"de-AT", "de-AT de"),
        (b"de-at, en;q=0.9", "de-AT de en"),
        (b"de-CH", "de"),
        (b"en-US,en;q=0.9,de;q=0.8", "en de de-AT"),
        (b"de;q=0.8, en;q=0.9", "en de de-AT"),
        # Equal weights: as the client names them.
        (b"pt-BR, en", "pt-BR en"),
        (b"en, pt-BR", "en pt-BR"),
        (b"pt", "pt-BR"),
        (b"pt-PT", ""),
        (b"fr", ""),
        (b"fr, *;q=0.1", "en de de-AT pt-BR"),
        (b"*", "en de de-AT pt-BR"),
        (b"de, *;q=0", "de de-AT"),
        (b"de;q=0", ""),
        (b"de;q=0, *", "en pt-BR"),
        (b"de, de-AT;q=0", "de"),
        # No prefix of letters, but of subtags.
        (b"d", ""),
        (b"deu", ""),
        # Malformed items are as if they were not there.
        (b"de;q=7, en", "en"),
        (b"d e, en", "en"),
    ],
)
def test_order(accept_language: bytes | None, order: str) -> None:
    expected = tuple([tag.encode() for tag in order.split()])
    assert Languages(TAGS).order(accept_language) == expected


@given(st.lists(st.tuples(st.sampled_from((*TAGS, "fr", "*", "de-CH")), st.integers(0, 10))))
def test_a_preference_says_the_same(items: list[tuple[str, int]]) -> None:
    languages = Languages(TAGS)
    sent = ", ".join(f"{tag};q={weight / 10:.1f}" for tag, weight in items).encode()
    preference = languages.preference(sent)
    order = languages.order(sent)
    assert languages.order(preference) == order
    assert languages.preference(preference) == preference


def test_preferences_are_bounded() -> None:
    languages = Languages(TAGS, SiteLimits(language_preferences=4))
    for number in range(100):
        preference = languages.preference(b"x%d, de" % number)
        assert preference == b"de, de-AT, en;q=0, pt-BR;q=0"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a language tag"),
        ("en", "single language"),
        ("en,", "not a language tag"),
        ("en,EN", "repeated"),
        ("en,../x", "not a language tag"),
        ("en,d_e", "not a language tag"),
        ("en," + ",".join(f"x-{number}" for number in range(MOST_LANGUAGES)), "the limit is"),
    ],
)
def test_bad_lists(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_languages(text)


def test_a_list() -> None:
    assert parse_languages("en, de,pt-BR") == ("en", "de", "pt-BR")


def test_keys_differ_by_what_counts_only() -> None:
    keys = CacheKeys(accept=False, destination=False, languages=Languages(("en", "de")))
    german = keys.of(request("/", accept_language="de-AT,de;q=0.9,fr;q=0.3"))
    assert german == keys.of(request("/", accept_language="de"))
    assert german != keys.of(request("/", accept_language="en"))
    nothing = keys.of(request("/"))
    assert keys.of(request("/", accept_language="fr")) == nothing != german
    without = CacheKeys(accept=False, destination=False)
    assert without.of(request("/", accept_language="de")) == without.of(request("/"))


# --------------------------------------------------------------------- files


@pytest.fixture
def pages(root: Path) -> Path:
    write(root, "index.html", "english")
    write(root, "index.de.html", "deutsch")
    write(root, "about.html", "about")
    write(root, "about.fr.html", "a propos")
    write(root, "alone.html", "alone")
    return root


def client_of(root: Path, **config: Any) -> Client:
    client = make_client(root, languages=("en", "de", "fr"), **config)
    client.clock.settle()
    return client


def said(response: Response) -> tuple[str, str | None, str | None]:
    return (
        octets_of(response).decode(),
        field(response, "content-language"),
        field(response, "vary"),
    )


@pytest.mark.parametrize("times", [1, 3])
def test_who_prefers_what(pages: Path, times: int) -> None:
    client = client_of(pages)
    for _ in range(times):
        vary = "accept-language"
        assert said(client.get("/", accept_language="de")) == ("deutsch", "de", vary)
        assert said(client.get("/", accept_language="fr, de")) == ("deutsch", "de", vary)
        assert said(client.get("/", accept_language="en-GB, de;q=0.5")) == ("english", "en", vary)
        assert said(client.get("/", accept_language="it")) == ("english", "en", vary)
        assert said(client.get("/")) == ("english", "en", vary)
        assert said(client.get("/about.html", accept_language="fr")) == ("a propos", "fr", vary)
        # Nothing to choose from, and nobody has said what it is in.
        assert said(client.get("/alone.html", accept_language="de")) == ("alone", None, None)


def test_a_name_with_a_language_is_that_file(pages: Path) -> None:
    client = client_of(pages)
    assert said(client.get("/index.de.html", accept_language="en")) == ("deutsch", "de", None)


def test_without_the_option_names_mean_nothing(pages: Path) -> None:
    client = make_client(pages)
    assert said(client.get("/", accept_language="de")) == ("english", None, None)


def test_clean_urls(pages: Path) -> None:
    client = client_of(pages, clean_urls=True)
    assert said(client.get("/about", accept_language="fr"))[:2] == ("a propos", "fr")


def test_error_pages_and_applications_of_one_page(pages: Path) -> None:
    write(pages, "404.html", "not found")
    write(pages, "404.de.html", "nicht gefunden")
    client = client_of(pages, netlify=True)
    response = client.get("/nothing", accept_language="de", accept="text/html")
    assert response.status == 404
    assert said(response)[:2] == ("nicht gefunden", "de")
    client = client_of(pages, spa="index.html")
    response = client.get("/route", accept_language="de", accept="text/html")
    assert said(response)[:2] == ("deutsch", "de")


def test_the_first_language_may_have_a_file_of_its_own(pages: Path) -> None:
    write(pages, "index.en.html", "english indeed")
    client = client_of(pages)
    assert said(client.get("/", accept_language="en"))[0] == "english indeed"
    assert said(client.get("/", accept_language="it"))[0] == "english indeed"


def test_each_language_has_its_tag_and_its_ranges(pages: Path) -> None:
    client = client_of(pages)
    german = client.get("/", accept_language="de")
    tag = field(german, "etag")
    assert tag != field(client.get("/"), "etag")
    response = client.get("/", accept_language="de", if_none_match=tag)
    assert response.status == 304
    assert field(response, "vary") == "accept-language"
    assert client.status("/", accept_language="en", if_none_match=tag) == 200
    part = client.get("/", accept_language="de", range="bytes=0-2", if_range=tag)
    assert (part.status, octets_of(part), field(part, "content-language")) == (206, b"deu", "de")
    assert client.status("/", accept_language="en", range="bytes=0-2", if_range=tag) == 200


def test_with_compressed_siblings(pages: Path) -> None:
    packed = gzip.compress(b"deutsch" * 100)
    write(pages, "index.de.html", b"deutsch" * 100)
    write(pages, "index.de.html.gz", packed)
    client = client_of(pages)
    response = client.get("/", accept_language="de", accept_encoding="gzip")
    assert field(response, "content-encoding") == "gzip"
    assert field(response, "vary") == "accept-encoding, accept-language"
    assert octets_of(response) == packed
    assert said(client.get("/", accept_encoding="gzip"))[0] == "english"


def test_a_language_comes_and_goes(pages: Path) -> None:
    client = client_of(pages)
    assert client.body("/alone.html", accept_language="de") == b"alone"
    write(pages, "alone.de.html", "allein")
    assert client.body("/alone.html", accept_language="de") == b"allein"
    assert field(client.get("/alone.html"), "vary") == "accept-language"
    (pages / "alone.de.html").unlink()
    response = client.get("/alone.html", accept_language="de")
    assert said(response) == ("alone", None, None)


def test_a_folder_or_what_cannot_be_read_is_no_variant(pages: Path) -> None:
    (pages / "alone.de.html").mkdir()
    (pages / "alone.fr.html").symlink_to("/nonexistent")
    client = client_of(pages)
    assert said(client.get("/alone.html", accept_language="de, fr")) == ("alone", None, None)


def test_what_is_hidden_stays_hidden(root: Path) -> None:
    write(root, ".well-known/x.html", "x")
    write(root, ".well-known/x.de.html", "x auf deutsch")
    write(root, ".html", "no page")
    client = client_of(root)
    assert client.body("/.well-known/x.html", accept_language="de") == b"x auf deutsch"
    assert client.status("/.html", accept_language="de") == 404
