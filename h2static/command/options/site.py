"""Options for serving files: what to serve, and how."""

from __future__ import annotations

from collections.abc import Mapping

from h2static.command.options.model import (
    TEXT,
    Argument,
    Group,
    Option,
    Section,
    choice_option,
    file_option,
    size_option,
)
from h2static.site import rules
from h2static.site.compression import COMPRESSIONS
from h2static.site.config import EtagSource, HintSource
from h2static.site.hints.delivery import PushMode
from h2static.site.hints.rules import parse_push_option
from h2static.site.languages import parse_languages
from h2static.site.names import parse_dot_names
from h2static.site.patterns import parse_pattern


def parse_compress(text: str) -> tuple[str, ...]:
    """Parse the codings of ``--compress``."""
    if text in ("off", ""):
        return ()
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in COMPRESSIONS:
            raise ValueError(f"'{name}' is not one of {', '.join(COMPRESSIONS)}, off")
    return tuple(names)


#: ``[cache]``: ``"PATTERN" = "VALUE"``.
_CACHE_SECTION = Section(
    schema={
        "type": "object",
        "propertyNames": {"pattern": "^[^=]+$"},
        "additionalProperties": TEXT,
    },
    texts=lambda table: [f"{pattern}={value}" for pattern, value in table.items()],
)


def _header_texts(table: Mapping[str, object]) -> list[str]:
    texts: list[str] = []
    for pattern, fields in table.items():
        assert isinstance(fields, dict)
        texts.extend(f"{pattern}:{name}: {value}" for name, value in fields.items())
    return texts


#: ``[header."PATTERN"]``: ``Name = "value"``.
_HEADER_SECTION = Section(
    schema={
        "type": "object",
        "propertyNames": {"pattern": "^[^:]+$"},
        "additionalProperties": {"type": "object", "additionalProperties": TEXT},
    },
    texts=_header_texts,
)


def _push_texts(table: Mapping[str, object]) -> list[str]:
    texts: list[str] = []
    for path, targets in table.items():
        assert isinstance(targets, list)
        texts.append(f"{path}={','.join(targets)}")
    return texts


#: ``[push]``: ``"PATH" = ["TARGET", ...]``.
_PUSH_SECTION = Section(
    schema={
        "type": "object",
        "propertyNames": {"pattern": "^/[^=]*$"},
        "additionalProperties": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": "^[^,]+$"},
        },
    },
    texts=_push_texts,
)

FILES = (
    Option(
        name="htdocs",
        letter="d",
        group=Group.FILES,
        argument=Argument.ONE,
        metavar="PATH",
        completes="directory",
        default="the current folder, or none with --app",
        help="Folder to serve, same as DOCROOT.",
    ),
    Option(
        name="index",
        group=Group.FILES,
        argument=Argument.ONE,
        metavar="NAME",
        default="index.html",
        help="File to serve for a folder.",
    ),
    Option(
        name="listing",
        group=Group.FILES,
        help="List the files of folders that have no index file.",
    ),
    Option(
        name="spa",
        group=Group.FILES,
        argument=Argument.ONE,
        metavar="FILE",
        parse=rules.parse_site_file,
        help="Serve FILE, a file in the root, for page requests that match no file, as"
        " single-page applications need.",
    ),
    Option(
        name="error-page",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="STATUS=FILE",
        parse=rules.parse_error_page,
        help="Use FILE, a file in the root, as the body of responses with STATUS; if FILE"
        " names no folder, the nearest one to the requested path is used. Repeatable.",
    ),
    Option(
        name="error-gzip",
        letter="e",
        group=Group.FILES,
        help="Send gzip-compressed error pages to clients that accept gzip.",
    ),
    Option(
        name="cache",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="PATTERN=VALUE",
        parse=rules.parse_cache_rule,
        section=_CACHE_SECTION,
        default="no-cache; one year for names with a content hash",
        help="Cache-Control for paths that match PATTERN. Repeatable.",
    ),
    Option(
        name="header",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="PATTERN:FIELD",
        parse=rules.parse_header_rule,
        section=_HEADER_SECTION,
        help="Add the field 'Name: value' to responses for paths that match PATTERN. Repeatable.",
    ),
    Option(
        name="netlify",
        group=Group.FILES,
        help="Apply the files _headers and _redirects in the root, and use 404.html for 404.",
    ),
    Option(
        name="clean-urls",
        group=Group.FILES,
        help="Serve about.html at /about, and redirect /about/ there. Implied by --netlify.",
    ),
    Option(
        name="compress",
        group=Group.FILES,
        argument=Argument.OPTIONAL,
        metavar="CODINGS",
        bare="br,zstd,gzip",
        parse=parse_compress,
        default="off; br,zstd,gzip with --dev",
        help="Compress files that have no precompressed sibling, with one of CODINGS that the"
        " client accepts: br, zstd (both require the extra h2static[compress]) and gzip;"
        " or 'off'.",
    ),
    Option(
        name="languages",
        group=Group.FILES,
        argument=Argument.ONE,
        metavar="TAG,TAG...",
        parse=parse_languages,
        default="none",
        help="Languages to negotiate: clients that prefer German get page.de.html in place of"
        " page.html. The first one is the language of files without a tag.",
    ),
    Option(
        name="dot-names",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="PATTERN",
        parse=parse_dot_names,
        default=".well-known",
        help="Also serve and list dot files and dot folders that match PATTERN, such as '.z*'"
        " or /.vite. Repeatable.",
    ),
    Option(
        name="encoded-slash",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="PATTERN",
        parse=parse_pattern,
        help="Treat an encoded slash as a slash in paths that match PATTERN, such as '/@*' for"
        " npm packages. Repeatable.",
    ),
    choice_option(
        name="etag",
        group=Group.FILES,
        metavar="SOURCE",
        what="etag source",
        default=EtagSource.AUTO,
        help="Source of entity tags: 'auto' uses the content of small files and size, inode"
        " and times of large ones; 'digest' uses the content of all files.",
    ),
    file_option(
        name="mime-types-file",
        group=Group.FILES,
        help="Add media types from FILE, which has the format of /etc/mime.types.",
    ),
    Option(
        name="follow-symlinks",
        group=Group.FILES,
        help="Follow symbolic links that leave the root.",
    ),
    Option(
        name="push",
        letter="p",
        group=Group.PUSH,
        argument=Argument.MANY,
        metavar="PATH=TARGET[,TARGET...]",
        parse=parse_push_option,
        section=_PUSH_SECTION,
        help="Resources that the page at PATH needs: pushed, or sent as hints to clients that"
        " do not accept pushes. Repeatable.",
    ),
    file_option(
        name="push-rules",
        group=Group.PUSH,
        help="Read push rules from FILE (JSON), or a push manifest.",
    ),
    choice_option(
        name="push-mode",
        group=Group.PUSH,
        metavar="MODE",
        what="push mode",
        default=PushMode.AUTO,
        help="'push': PUSH_PROMISE only; 'hints': 103 Early Hints and Link; 'link': the Link"
        " field only; 'off': nothing; 'auto': the best that the client supports.",
    ),
    choice_option(
        name="hints",
        group=Group.PUSH,
        metavar="SOURCE",
        what="hint source",
        default=HintSource.OFF,
        help="'auto' finds style sheets, scripts, fonts and preload links in pages and treats"
        " them as push rules.",
    ),
    Option(
        name="push-cookie",
        group=Group.PUSH,
        help="Track in a cookie what each client has been pushed.",
    ),
    Option(
        name="echo-upload",
        group=Group.FILES,
        help="Send the content of POST and PUT requests back to the client.",
    ),
    size_option(
        name="cache-size",
        group=Group.FILES,
        maximum=2**40,
        default="64M",
        help="Size of each worker's cache for the content of small files.",
    ),
)
