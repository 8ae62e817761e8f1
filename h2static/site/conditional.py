"""Conditional requests (RFC 9110 section 13).

Contract: pure functions from the precondition fields of a request and the validators of the
selected representation to a verdict.  They are called only if the response would otherwise be 200
(RFC 9110 section 13.2.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from h2static.http.dates import parse_http_date
from h2static.site.cache_key import CacheKey

#: RFC 9110 section 8.8.3: ``entity-tag = [ weak ] opaque-tag``.
_TAG = rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_ENTITY_TAG = re.compile(_TAG)
#: A list (section 5.6.1) with optional empty items.  Anything else matches nothing: guessing where
#: a tag begins could find one that is not there.
_ENTITY_TAGS = re.compile(rb"[ \t,]*" + _TAG + rb"(?:[ \t]*,[ \t,]*" + _TAG + rb")*[ \t,]*")
#: A date is a strong validator once its second is certainly over (section 8.8.2.2).
STRONG_DATE_AGE = 2


class Verdict(Enum):
    """The result of evaluating a request's preconditions."""

    PROCEED = "proceed"
    NOT_MODIFIED = "304"
    PRECONDITION_FAILED = "412"


@dataclass(slots=True, kw_only=True)
class Validators:
    """The data that distinguish one state of a representation from another."""

    #: Entity tag with its quotes, perhaps weak.
    etag: bytes
    #: Last modification in seconds since 1970; ``None`` if there is no meaningful one.
    modified: int | None
    #: Time of a file's last change of any kind; later than :attr:`modified` if that was set.
    #: ``None``: not later.
    changed: int | None = None
    #: Whether the second of :attr:`modified` identifies one content (RFC 9110 section 8.8.2.2).
    strong_date: bool = False

    def unchanged_since(self, date: int) -> bool:
        """Whether it is unchanged since ``date``, if there is a modification date.

        True for the date that a client was given, or a date after the last change of any kind.  A
        date in between proves nothing: a file restored to an older version with its old date was
        modified before ``date``, but differs from the one that existed then.
        """
        assert self.modified is not None
        changed = self.modified if self.changed is None else max(self.modified, self.changed)
        return date == self.modified or date > changed


def evaluate(cache_key: CacheKey, validators: Validators, now: float) -> Verdict:
    """Apply the preconditions in the order of RFC 9110 section 13.2.2."""
    if cache_key.if_match is not None:
        if not _matches(cache_key.if_match, validators.etag, weakly=False):
            return Verdict.PRECONDITION_FAILED
    elif cache_key.if_unmodified_since is not None:
        # RFC 9110 section 13.1.4: "MUST ignore [it] if the received field value is not a valid
        # HTTP-date" and "if the resource does not have a modification date available".
        date = parse_http_date(cache_key.if_unmodified_since, now)
        if (
            date is not None
            and validators.modified is not None
            and not validators.unchanged_since(date)
        ):
            return Verdict.PRECONDITION_FAILED
    if cache_key.if_none_match is not None:
        # RFC 9110 section 13.1.3: "MUST ignore If-Modified-Since if the request contains an
        # If-None-Match header field".
        if _matches(cache_key.if_none_match, validators.etag, weakly=True):
            return Verdict.NOT_MODIFIED
    elif cache_key.if_modified_since is not None:
        date = parse_http_date(cache_key.if_modified_since, now)
        if (
            date is not None
            and validators.modified is not None
            and validators.unchanged_since(date)
        ):
            return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


def range_applies(if_range: bytes | None, validators: Validators, now: float) -> bool:
    """Whether If-Range (RFC 9110 section 13.1.5) leaves the Range field in force."""
    if if_range is None:
        return True
    if if_range.startswith((b'"', b"W/")):
        # "MUST ... use the strong comparison function"
        return if_range == validators.etag and not if_range.startswith(b"W/")
    date = parse_http_date(if_range, now)
    # "If the HTTP-date validator provided is not a strong validator ..., the condition is false";
    # it must be "an exact match".
    return (
        date is not None
        and validators.strong_date
        and date == validators.modified
        and now - validators.modified >= STRONG_DATE_AGE
    )


def _matches(field_value: bytes, etag: bytes, *, weakly: bool) -> bool:
    """Whether ``*`` or one of the listed entity tags is ``etag`` (RFC 9110 section 8.8.3.2)."""
    if field_value.strip(b" \t") == b"*":
        return True
    if _ENTITY_TAGS.fullmatch(field_value) is None:
        return False
    tags: list[bytes] = _ENTITY_TAG.findall(field_value)
    if weakly:
        opaque = etag.removeprefix(b"W/")
        return any(tag.removeprefix(b"W/") == opaque for tag in tags)
    return not etag.startswith(b"W/") and etag in tags
