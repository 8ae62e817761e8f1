"""Options that say what is served and how: files, and what they bring along."""

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
    """The codings of ``--compress``."""
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
        default="the current folder, with --app none",
        help="Folder to serve; the same as DOCROOT.",
    ),
    Option(
        name="index",
        group=Group.FILES,
        argument=Argument.ONE,
        metavar="NAME",
        default="index.html",
        help="File that is served for a folder.",
    ),
    Option(
        name="listing",
        group=Group.FILES,
        help="Answer a folder without index with a list of its files.",
    ),
    Option(
        name="spa",
        group=Group.FILES,
        argument=Argument.ONE,
        metavar="FILE",
        parse=rules.parse_site_file,
        help="File below the root that answers page requests for which there is no file, as"
        " single-page applications want.",
    ),
    Option(
        name="error-page",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="STATUS=FILE",
        parse=rules.parse_error_page,
        help="File below the root that is the body of responses with STATUS; of a name without a"
        " folder the nearest one to what was asked for. Repeatable.",
    ),
    Option(
        name="error-gzip",
        letter="e",
        group=Group.FILES,
        help="Compress error pages for clients that accept gzip.",
    ),
    Option(
        name="cache",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="PATTERN=VALUE",
        parse=rules.parse_cache_rule,
        section=_CACHE_SECTION,
        default="no-cache; a year for names with a content hash",
        help="Cache-Control for paths like PATTERN. Repeatable.",
    ),
    Option(
        name="header",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="PATTERN:FIELD",
        parse=rules.parse_header_rule,
        section=_HEADER_SECTION,
        help="Field 'Name: value' for paths like PATTERN. Repeatable.",
    ),
    Option(
        name="netlify",
        group=Group.FILES,
        help="Follow the files _headers and _redirects in the root, and answer 404 with 404.html.",
    ),
    Option(
        name="clean-urls",
        group=Group.FILES,
        help="Answer /about with about.html, and send those who ask for /about/ there. --netlify"
        " does so, too.",
    ),
    Option(
        name="compress",
        group=Group.FILES,
        argument=Argument.OPTIONAL,
        metavar="CODINGS",
        bare="br,zstd,gzip",
        parse=parse_compress,
        default="off; with --dev br,zstd,gzip",
        help="Compress what has no compressed sibling, in one of CODINGS that the client accepts:"
        " br and zstd (with the extra 'compress'), gzip; or 'off'.",
    ),
    Option(
        name="languages",
        group=Group.FILES,
        argument=Argument.ONE,
        metavar="LANG,...",
        parse=parse_languages,
        help="Languages of pages, such as en,de: page.de.html beside page.html is for those who"
        " prefer German. The first is that of page.html.",
    ),
    Option(
        name="dot-names",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="PATTERN",
        parse=parse_dot_names,
        default=".well-known",
        help="Serve and list files and folders whose name begins with a dot and is like PATTERN,"
        " such as '.z*' or /.vite. Repeatable.",
    ),
    Option(
        name="encoded-slash",
        group=Group.FILES,
        argument=Argument.MANY,
        metavar="PATTERN",
        parse=parse_pattern,
        help="Take an encoded slash for one between names in paths like PATTERN, such as '/@*' for"
        " packages of npm. Repeatable.",
    ),
    choice_option(
        name="etag",
        group=Group.FILES,
        metavar="SOURCE",
        what="etag source",
        default=EtagSource.AUTO,
        help="What entity tags are made of: 'auto' is the content of small files, size, inode and"
        " times of large ones; 'digest' is the content of all.",
    ),
    file_option(
        name="mime-types-file",
        group=Group.FILES,
        help="File in the format of /etc/mime.types that adds to the table of media types.",
    ),
    Option(
        name="follow-symlinks",
        group=Group.FILES,
        help="Let symbolic links lead out of the root.",
    ),
    Option(
        name="push",
        letter="p",
        group=Group.PUSH,
        argument=Argument.MANY,
        metavar="PATH=TARGET[,TARGET...]",
        parse=parse_push_option,
        section=_PUSH_SECTION,
        help="What the page at PATH needs: pushed, or hinted at where a client takes no pushes."
        " Repeatable.",
    ),
    file_option(
        name="push-rules",
        group=Group.PUSH,
        help="JSON file with push rules, or a push manifest.",
    ),
    choice_option(
        name="push-mode",
        group=Group.PUSH,
        metavar="MODE",
        what="push mode",
        default=PushMode.AUTO,
        help="'push': PUSH_PROMISE only; 'hints': 103 Early Hints and Link; 'link': a Link field"
        " only; 'off': nothing; 'auto': what the client can take.",
    ),
    choice_option(
        name="hints",
        group=Group.PUSH,
        metavar="SOURCE",
        what="hint source",
        default=HintSource.OFF,
        help="'auto' reads style sheets, scripts, fonts and preload links from the pages and"
        " treats them as rules.",
    ),
    Option(
        name="push-cookie",
        group=Group.PUSH,
        help="Let clients remember in a cookie what they were pushed.",
    ),
    Option(
        name="echo-upload",
        group=Group.FILES,
        help="Send the content of POST and PUT requests back.",
    ),
    size_option(
        name="cache-size",
        group=Group.FILES,
        maximum=2**40,
        default="64M",
        help="Memory of each worker for the content of small files.",
    ),
)
