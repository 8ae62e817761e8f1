"""The owner's rules: path patterns and the fields set for them.

Contract: the parsers take text as written on the command line or in a TOML file and raise
``ValueError`` with a clear one-line message.  Both the path of the request and that of the file
that answers it are matched, so ``*.html`` applies to ``/`` if ``index.html`` answers.

A rule for Content-Encoding is special: it says how the octets of a file are stored, for example
``game.wasm.gz``, which an application requests by that name.  Only the file's path is matched, and
errors, redirects and lists never get the field.  ``.svgz`` needs no rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from h2static.http.fields import SET_COOKIE, Field
from h2static.http.grammar import FIELD_VALUE, LOWER_CASE_NAME
from h2static.site.pathpatterns import PatternIndex
from h2static.site.paths import split_path
from h2static.site.patterns import Matcher, Pattern, parse_pattern

#: RFC 9110 section 8.8: validators make it safe to store everything and ask before reuse.
REVALIDATE = b"no-cache"
#: RFC 8246: for names whose content never changes.
IMMUTABLE = b"public, max-age=31536000, immutable"

#: Fields that the protocol controls, or that could make a response false.
RESERVED_FIELDS = frozenset(
    (
        *("accept-ranges", "connection", "content-length", "content-range"),
        *("date", "etag", "keep-alive", "last-modified", "location", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade"),
    )
)


CONTENT_ENCODING = b"content-encoding"
#: Content codings in which a file may be stored (RFC 9110 section 8.4.1, RFC 7932, RFC 8878).
_STORED_CODINGS = frozenset((b"gzip", b"br", b"zstd", b"deflate", b"compress", b"identity"))
_GZIP = b"gzip"
#: By the registration of image/svg+xml, a file with this extension is gzipped SVG, which HTTP
#: indicates in Content-Encoding.  Without it no browser shows the file.
_GZIP_BY_NAME = b".svgz"


@dataclass(slots=True, frozen=True, kw_only=True)
class CacheRule:
    """Cache-Control for paths that match a pattern."""

    pattern: Pattern
    value: bytes


@dataclass(slots=True, frozen=True, kw_only=True)
class HeaderRule:
    """A field for paths that match a pattern; it replaces one of the same name."""

    pattern: Matcher
    name: bytes
    value: bytes


@dataclass(slots=True, frozen=True, kw_only=True)
class ErrorPage:
    """A file below the root that is the body of responses with a certain status."""

    status: int
    file: str


def parse_cache_rule(text: str) -> CacheRule:
    """Parse ``PATTERN=VALUE``, such as ``/assets/*=max-age=3600``."""
    pattern, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not a cache rule: expected 'PATTERN=VALUE'")
    return CacheRule(pattern=parse_pattern(pattern), value=parse_field_value(value, text))


def parse_header_rule(text: str) -> HeaderRule:
    """Parse ``PATTERN:Name: value``, such as ``*.html:X-Frame-Options: DENY``."""
    pattern, colon, field = text.partition(":")
    name, second_colon, value = field.partition(":")
    if not (colon and second_colon):
        raise ValueError(f"{text!r} is not a header rule: expected 'PATTERN:Name: value'")
    matcher = parse_pattern(pattern)
    return make_header_rule(matcher, name, value, text)


def make_header_rule(pattern: Matcher, name_text: str, value_text: str, source: str) -> HeaderRule:
    """Create a rule from a field's name and value; ``source`` is named in errors."""
    name = parse_field_name(name_text, source)
    value = parse_field_value(value_text, source)
    if name == CONTENT_ENCODING:
        value = value.lower()
        if value not in _STORED_CODINGS:
            known = ", ".join(sorted(coding.decode() for coding in _STORED_CODINGS))
            raise ValueError(
                f"{source!r}: {value.decode('latin-1')!r} is not a supported content coding;"
                f" expected one of {known}"
            )
    return HeaderRule(pattern=pattern, name=name, value=value)


def parse_error_page(text: str) -> ErrorPage:
    """Parse ``STATUS=FILE``, such as ``404=errors/missing.html``."""
    status, equals, file = text.partition("=")
    if not equals or re.fullmatch("[45][0-9][0-9]", status, re.ASCII) is None:
        raise ValueError(
            f"{text!r} is not an error page: expected 'STATUS=FILE', status 400 to 599"
        )
    return ErrorPage(status=int(status), file=parse_site_file(file))


def parse_site_file(text: str) -> str:
    """Parse the path of a file below the root, with or without a leading slash."""
    names = text.removeprefix("/").split("/")
    if "\0" in text or any(name in ("", ".", "..") for name in names):
        raise ValueError(f"{text!r} is not a file in the root")
    return "/".join(names)


def parse_field_name(text: str, source: str) -> bytes:
    """Parse a field name that a rule may set, to lower case; ``source`` is named in errors."""
    name = text.strip().lower()
    if LOWER_CASE_NAME.fullmatch(name.encode("latin-1", "replace")) is None:
        raise ValueError(f"{source!r}: {text.strip()!r} is not a field name")
    if name in RESERVED_FIELDS:
        raise ValueError(f"{source!r}: {name!r} is set by the server")
    return name.encode("ascii")


def parse_field_value(text: str, source: str) -> bytes:
    """Parse a field value, without surrounding white space; ``source`` is named in errors."""
    value = text.strip(" \t")
    try:
        octets = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError(f"{source!r}: the value is not text") from None
    if FIELD_VALUE.fullmatch(octets) is None:
        raise ValueError(f"{source!r}: the value is empty or has control characters")
    return octets


class Rules:
    """All rules of a site."""

    def __init__(
        self,
        *,
        cache: Sequence[CacheRule] = (),
        header: Sequence[HeaderRule] = (),
        netlify: Sequence[HeaderRule] = (),
    ) -> None:
        """``netlify``: the rules of a ``_headers`` file, which the others override."""
        self._cache = tuple(cache)
        self._header = tuple(rule for rule in header if rule.name != CONTENT_ENCODING)
        self._netlify = tuple(rule for rule in netlify if rule.name != CONTENT_ENCODING)
        #: How files are stored; the last match applies.
        self._codings = tuple(
            rule for rule in (*netlify, *header) if rule.name == CONTENT_ENCODING
        )[::-1]
        self._index = PatternIndex(rule.pattern for rule in self._netlify)
        #: The number of rules that a request must be matched with.
        self.most = len(self._cache) + len(header) + self._index.most

    def stored_coding(self, file_path: bytes) -> bytes | None:
        """The content coding in which a file is stored; ``None`` if no rule names one."""
        for rule in self._codings:
            if rule.pattern.matches(file_path):
                return None if rule.value == b"identity" else rule.value
        return _GZIP if file_path.lower().endswith(_GZIP_BY_NAME) else None

    def fields(self, path: bytes, file_path: bytes | None = None) -> tuple[Field, ...]:
        """The fields to set for a request for ``path``, each name once, except Set-Cookie.

        ``file_path``: the path of the file that answers it.  Without one (errors, redirects, lists)
        no rule sets Cache-Control: a file that is missing today may exist tomorrow.
        """
        paths = (path,) if file_path is None else (path, file_path)
        values: dict[bytes, bytes] = {}
        cookies: list[Field] = []
        numbers = self._index.candidates(split_path(path)) if self._netlify else ()
        for number in numbers:
            rule = self._netlify[number]
            # Netlify uses only the path of the request.
            if rule.pattern.matches(path):
                if rule.name == SET_COOKIE:
                    # RFC 9110 section 5.3: "it cannot be combined into a single field value".
                    cookies.append((rule.name, rule.value))
                    continue
                before = values.get(rule.name)
                # Netlify joins the values that several blocks set for one field.
                values[rule.name] = rule.value if before is None else before + b", " + rule.value
        for cache_rule in self._cache:
            if any(map(cache_rule.pattern.matches, paths)):
                values[b"cache-control"] = cache_rule.value
        for rule in self._header:
            if any(map(rule.pattern.matches, paths)):
                values[rule.name] = rule.value
        if file_path is None:
            values.pop(b"cache-control", None)
        if SET_COOKIE in values:
            cookies.clear()
        return (*values.items(), *cookies)
