"""The texts of ``h2static --help``, which fits a screen, and of ``--help-all``.

Contract: every line fits in 80 columns; the long text is generated from the option table and lists
every option and operand once.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from h2static.command.options import UNSUPPORTED, Argument, Group, Operand, Option

_WIDTH = 80
#: Column where descriptions start; a longer option gets a line of its own.
_COLUMN = 26

_USAGE = """\
Usage: h2static [OPTION]... [PORT] [DOCROOT] [KEY CERT]
       h2static COMMAND ...

Serve a folder, applications or both over HTTP/2.
"""

#: The most common options; the rest is in the long text.
SHORT = """\
Usage: h2static [OPTION]... [PORT] [DOCROOT] [KEY CERT]

Serve a folder, applications or both over HTTP/2. Examples:
  h2static --dev                           this folder, with live reload
  h2static --dev --open ./dist             a build, in a browser
  h2static --dev --spa index.html ./dist   a single-page application
  h2static --no-tls 8080 ./www             cleartext: HTTP/2 and HTTP/1.1
  h2static 443 ./www key.pem cert.pem      a public site

  --dev                  live reload, request log, folder listings, clear errors
  --open                 open a browser
  -a, --address ADDR     listen on ADDR; 0.0.0.0 lets other machines connect
  --no-tls               serve cleartext HTTP/2 and HTTP/1.1
  --spa FILE             serve FILE for pages that do not exist
  --clean-urls           serve about.html at /about
  --app MODULE:NAME      run an ASGI application alongside the folder
  --proxy PREFIX=URL     forward requests under PREFIX to another server
  -n, --workers N        worker processes; auto starts one per CPU
  -v, --verbose          print every frame
  --help-all             list every option (see also man h2static)
Commands: install-ca (make browsers trust this machine's certificates),
uninstall-ca, config, push-rules, completion.
"""

_NOTES = """\
SIZE may end in K, M or G (powers of 1024). -d and DOCROOT exclude each other.
Exit status: 0 stopped on request, 1 could not start, 2 usage error,
3 an application refused to start.
"""


def render(
    options: Sequence[Option],
    operands: Sequence[Operand],
    commands: Sequence[tuple[str, str]],
) -> str:
    """The complete help text; ``commands``: usage and description of each command."""
    parts = [_USAGE, _section("Arguments", [(item.name, item.help) for item in operands])]
    for group in Group:
        rows = [(head(item), explanation(item)) for item in options if item.group is group]
        if rows:
            parts.append(_section(group.value, rows))
    missing = [(f"--{name}", reason) for name, reason in UNSUPPORTED.items()]
    parts.append(_section("nghttpd options that are not supported, and why", missing))
    parts.append(_section("Commands (in place of PORT)", commands))
    parts.append(_NOTES)
    return "\n".join(parts)


def head(option: Option) -> str:
    """The usage of ``option``: ``-a, --address ADDR``."""
    letter = f"-{option.letter}, " if option.letter else "    "
    if option.argument is Argument.NONE:
        return f"{letter}--{option.name}"
    if option.argument is Argument.OPTIONAL:
        return f"{letter}--{option.name}[={option.metavar}]"
    return f"{letter}--{option.name} {option.metavar}"


def explanation(option: Option) -> str:
    """The description of ``option``, with its default."""
    return f"{option.help} (default: {option.default})" if option.default else option.help


def _section(title: str, rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"{title}:"]
    for name, text in rows:
        wrapped = textwrap.wrap(
            text, _WIDTH - _COLUMN, break_long_words=False, break_on_hyphens=False
        )
        first = f"  {name}"
        if len(first) < _COLUMN - 1:
            lines.append(f"{first:<{_COLUMN}}{wrapped.pop(0)}")
        else:
            lines.append(first)
        lines.extend(" " * _COLUMN + line for line in wrapped)
    return "\n".join(lines) + "\n"
