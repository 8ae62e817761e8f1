"""What a site is told before it starts.

Contract: a :class:`SiteConfig` holds plain, parsed values and can be pickled.  Files that it names
are read by :class:`h2static.site.Site`, which raises ``ValueError`` or ``OSError`` for what is
wrong with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from h2static.site.hints.delivery import PushMode
from h2static.site.hints.rules import PushRule
from h2static.site.patterns import Pattern
from h2static.site.rules import CacheRule, ErrorPage, HeaderRule

#: Content of small files that a worker holds: the files of most sites altogether.
DEFAULT_CACHE_SIZE = 64 * 1024 * 1024


class EtagSource(StrEnum):
    """What entity tags are made of."""

    #: The content of small files; size and modification time of large ones.
    AUTO = "auto"
    #: The content of all files.
    DIGEST = "digest"


class HintSource(StrEnum):
    """Where hints come from besides the rules."""

    #: From style sheets, scripts, fonts and preload links that a page names itself.
    AUTO = "auto"
    OFF = "off"


@dataclass(slots=True, kw_only=True, frozen=True)
class SiteConfig:
    """The options of a site; attributes are named like the options."""

    #: The folder to serve; an absolute path, or one relative to the working directory.
    root: str
    #: The file that is served for a folder.
    index: str = "index.html"
    #: Answer a folder without index with a list of its files.
    listing: bool = False
    #: Names with a dot in front that are served and listed like others; everything below a folder
    #: of such a name is.
    dot_names: tuple[Pattern, ...] = ()
    #: Paths in which ``%2F`` separates names as a slash does.
    encoded_slash: tuple[Pattern, ...] = ()
    #: Codings in which files are sent that have no compressed sibling.
    compress: tuple[str, ...] = ()
    #: Languages of pages; the first is that of pages without one in their names.
    languages: tuple[str, ...] = ()
    #: Answer ``/about`` with ``about.html``; ``netlify`` does so, too.
    clean_urls: bool = False
    #: Let symbolic links lead out of the root.
    follow_symlinks: bool = False
    #: File below the root that answers page requests for which there is no file.
    spa: str | None = None
    #: Files below the root that are the bodies of error responses.
    error_page: tuple[ErrorPage, ...] = ()
    #: Compress the server's own error pages for clients that accept gzip.
    error_gzip: bool = False
    #: Send the content of POST and PUT requests back.
    echo_upload: bool = False
    #: File in the format of ``/etc/mime.types`` that adds to the table of media types.
    mime_types_file: str | None = None
    #: Cache-Control by pattern; later rules win.
    cache: tuple[CacheRule, ...] = ()
    #: Fields to set by pattern; later rules win.
    header: tuple[HeaderRule, ...] = ()
    #: Read ``_headers`` and ``_redirects`` in the root, and answer 404 with ``404.html``.
    netlify: bool = False
    etag: EtagSource = EtagSource.AUTO
    #: Rules of ``-p``: what a page needs, pushed or hinted at.
    push: tuple[PushRule, ...] = ()
    #: JSON file with more of them.
    push_rules: str | None = None
    #: How what the rules name is delivered.
    push_mode: PushMode = PushMode.AUTO
    #: Where rules come from besides: read from the pages, or nowhere.
    hints: HintSource = HintSource.OFF
    #: Let clients remember in a cookie what they were pushed.
    push_cookie: bool = False
    #: Octets of file content that a worker holds in memory.
    cache_size: int = DEFAULT_CACHE_SIZE
    #: For those who edit the site: start with broken ``_headers``, ``_redirects`` and push rules,
    #: and say so among the warnings.
    lenient: bool = False

    @property
    def may_have_hints(self) -> bool:
        """Whether a response of the site may have hints, now or later."""
        return self.push_mode is not PushMode.OFF and bool(
            self.push or self.push_rules or self.hints is HintSource.AUTO
        )
