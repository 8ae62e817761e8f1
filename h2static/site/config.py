"""The configuration of a site.

Contract: a :class:`SiteConfig` contains plain, parsed values and can be pickled.
:class:`h2static.site.Site` reads the files that it names, and raises ``ValueError`` or ``OSError``
for errors in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from h2static.site.hints.delivery import PushMode
from h2static.site.hints.rules import PushRule
from h2static.site.patterns import Pattern
from h2static.site.rules import CacheRule, ErrorPage, HeaderRule

#: Octets of small files that a worker caches: enough for all files of most sites.
DEFAULT_CACHE_SIZE = 64 * 1024 * 1024


class EtagSource(StrEnum):
    """The source of entity tags."""

    #: The content of small files; size and modification time of large ones.
    AUTO = "auto"
    #: The content of all files.
    DIGEST = "digest"


class HintSource(StrEnum):
    """The source of hints in addition to the rules."""

    #: From the style sheets, scripts, fonts and preload links in the page itself.
    AUTO = "auto"
    OFF = "off"


@dataclass(slots=True, kw_only=True, frozen=True)
class SiteConfig:
    """The options of a site; attributes have the names of the options."""

    #: The folder to serve; an absolute path, or one relative to the working directory.
    root: str
    #: The file that is served for a folder.
    index: str = "index.html"
    #: Answer a folder without index with a list of its files.
    listing: bool = False
    #: Names that start with a dot and are served and listed like others; everything below a folder
    #: with such a name is included.
    dot_names: tuple[Pattern, ...] = ()
    #: Paths in which ``%2F`` separates names like a slash.
    encoded_slash: tuple[Pattern, ...] = ()
    #: Codings for files without a compressed sibling.
    compress: tuple[str, ...] = ()
    #: Answer ``/about`` with ``about.html``; ``netlify`` does so, too.
    clean_urls: bool = False
    #: Languages of variants such as ``page.de.html``; the first is that of files without a tag.
    #: Empty: such names have no special meaning.
    languages: tuple[str, ...] = ()
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
    #: Rules of ``-p``: resources of a page to push or hint.
    push: tuple[PushRule, ...] = ()
    #: JSON file with more rules.
    push_rules: str | None = None
    #: How the targets of rules are delivered.
    push_mode: PushMode = PushMode.AUTO
    #: Additional source of rules: the pages, or none.
    hints: HintSource = HintSource.OFF
    #: Let clients remember in a cookie what they were pushed.
    push_cookie: bool = False
    #: Octets of file content that a worker caches in memory.
    cache_size: int = DEFAULT_CACHE_SIZE
    #: For development: start with broken ``_headers``, ``_redirects`` and push rules,
    #: and report them as warnings.
    lenient: bool = False

    @property
    def may_have_hints(self) -> bool:
        """Whether a response of the site may have hints, now or later."""
        return self.push_mode is not PushMode.OFF and bool(
            self.push or self.push_rules or self.hints is HintSource.AUTO
        )
