"""The options of ``h2static``: one table from which everything else is derived.

Contract: every option is in :data:`OPTIONS`; it can be given on the command line and, unless
``in_file`` is false, in a configuration file under the same name.
The command-line parser, the help text, the manual page, shell completion, the JSON Schema of the
configuration file and the tables in the documentation all read this package.

To add an option: add a row in the module that its subject belongs to, add the attribute of the same
name (``-`` becomes ``_``) to :class:`h2static.config.Config` or
:class:`h2static.site.SiteConfig`, and run ``python -m docs.generate_reference``.
"""

from __future__ import annotations

from h2static.command.options.applications import APPLICATIONS
from h2static.command.options.hosts import SITES
from h2static.command.options.model import (
    TEXT,
    Argument,
    Group,
    Operand,
    Option,
    Schema,
    Section,
    integer_schema,
)
from h2static.command.options.network import LISTENING, PROTOCOL, TLS
from h2static.command.options.running import DEVELOPMENT, LOGS, OTHER, PROCESSES
from h2static.command.options.site import FILES
from h2static.command.options.upstreams import UPSTREAMS

__all__ = [
    "COMMAND_NAMES",
    "OPERANDS",
    "OPTIONS",
    "UNSUPPORTED",
    "Argument",
    "Group",
    "Operand",
    "Option",
    "Schema",
    "Section",
]

#: Commands that may be given in place of PORT; see :mod:`h2static.command.commands`.
COMMAND_NAMES = (
    "config",
    "push-rules",
    "install-ca",
    "uninstall-ca",
    "hash-password",
    "completion",
)

OPERANDS: tuple[Operand, ...] = (
    Operand(
        name="PORT",
        key="port",
        help="Port to listen on; 0 picks a free one (default: 8080; with --dev, 8443 or the"
        " next free port).",
        schema=integer_schema(0, 65535),
    ),
    Operand(
        name="DOCROOT",
        key="htdocs",
        help="Folder to serve (default: the current folder, or none with --app).",
        schema=TEXT,
        completes="directory",
    ),
    Operand(
        name="KEY",
        key="key",
        help="Private key, a PEM file.",
        schema=TEXT,
        completes="file",
    ),
    Operand(
        name="CERT",
        key="cert",
        help="Certificate chain, a PEM file.",
        schema=TEXT,
        completes="file",
    ),
)

OPTIONS: tuple[Option, ...] = (
    *FILES,
    *APPLICATIONS,
    *SITES,
    *UPSTREAMS,
    *LISTENING,
    *TLS,
    *PROTOCOL,
    *DEVELOPMENT,
    *LOGS,
    *PROCESSES,
    *OTHER,
)

#: Options of nghttpd that are not supported, with the reason.
UNSUPPORTED: dict[str, str] = {
    "ktls": "Python's TLS cannot hand connections over to the kernel",
    "no-rfc7540-pri": "RFC 7540 priorities are always disabled, and SETTINGS says so",
}
