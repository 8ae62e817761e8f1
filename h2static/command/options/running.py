"""Options for a running server (development, logs, processes), and those that print and exit."""

from __future__ import annotations

from h2static.command.options import values
from h2static.command.options.model import (
    Argument,
    Group,
    Option,
    choice_option,
    file_option,
    integer_option,
    integer_schema,
    seconds_option,
    size_option,
)
from h2static.command.options.troubles import (
    parse_delay,
    parse_failure,
    parse_mock,
    parse_rate,
)
from h2static.config import (
    DEFAULT_DEBOUNCE,
    MAX_DEBOUNCE,
    MAX_MEMORY,
    MAX_SECONDS,
    MAX_WORKERS,
    MIN_MEMORY,
    LogFormat,
)

DEVELOPMENT = (
    Option(
        name="dev",
        group=Group.DEVELOPMENT,
        help="Development mode: live reload, request log, folder listings, pages that explain"
        " errors, and no caching in browsers. Listens on loopback unless -a is given.",
    ),
    Option(
        name="live-reload",
        group=Group.DEVELOPMENT,
        help="Reload pages in the browser when files change; style sheets and images are"
        " updated in place.",
    ),
    Option(
        name="open",
        group=Group.DEVELOPMENT,
        help="Open a browser unless a page is already connected.",
    ),
    Option(
        name="ignore",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="GLOB",
        default=(
            "files that are not served, version control, node_modules, editors' temporary files"
        ),
        help="Also ignore changes to files and folders that match GLOB. Repeatable.",
    ),
    Option(
        name="poll",
        group=Group.DEVELOPMENT,
        help="Poll for changes instead of relying on the system's file notifications. File"
        " systems that do not report every change are always polled.",
    ),
    integer_option(
        name="debounce",
        group=Group.DEVELOPMENT,
        metavar="MS",
        minimum=0,
        maximum=MAX_DEBOUNCE,
        default=str(DEFAULT_DEBOUNCE),
        help="Reload after MS milliseconds without another change.",
    ),
    Option(
        name="allow-host",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="NAME",
        default="localhost, IP addresses, this machine's names",
        help="In dev mode, also answer to the host NAME; *.NAME matches its subdomains. If"
        " NAME is a local name, the certificate made on this machine covers it, too."
        " Repeatable.",
    ),
    Option(
        name="run",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="COMMAND",
        help="Run COMMAND in a shell alongside the server, such as 'npm run build -- --watch'."
        " Its output goes to the log, its errors appear on the page, and it stops with"
        " the server. Repeatable.",
    ),
    Option(
        name="watch",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="DIR",
        completes="directory",
        help="Also reload pages when something in DIR changes. Repeatable.",
    ),
    Option(
        name="mock",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="PATTERN[=DIR]",
        parse=parse_mock,
        help="Answer paths that match PATTERN from JSON files in DIR (default: the served"
        " folder): GET /api/users from api/users.json, POST from api/users.POST.201.json"
        " with status 201. Repeatable.",
    ),
    Option(
        name="delay",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="PATTERN=TIME",
        parse=parse_delay,
        help="Delay requests for paths that match PATTERN by TIME, such as '/api/*=500ms'."
        " Repeatable.",
    ),
    Option(
        name="rate",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="PATTERN=SIZE",
        parse=parse_rate,
        help="Limit each response for paths that match PATTERN to SIZE octets per second, such"
        " as '*.jpg=50K'. Repeatable.",
    ),
    Option(
        name="fail",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="PATTERN=STATUS[:PERCENT%]",
        parse=parse_failure,
        help="Answer PERCENT of the requests for paths that match PATTERN with STATUS, such as"
        " '/api/*=503:10%'. Repeatable.",
    ),
    Option(
        name="no-service-workers",
        group=Group.DEVELOPMENT,
        help="Replace every service worker with one that removes itself, so that no page comes"
        " from a service worker's cache.",
    ),
    Option(
        name="cors",
        group=Group.DEVELOPMENT,
        help="Let pages from other origins read the files.",
    ),
)

LOGS = (
    Option(
        name="verbose",
        letter="v",
        group=Group.LOGS,
        help="Print every frame received and sent.",
    ),
    Option(
        name="color",
        group=Group.LOGS,
        help="Color the frame log even if standard output is not a terminal.",
    ),
    Option(
        name="hexdump",
        group=Group.LOGS,
        help="Dump the decrypted octets in both directions.",
    ),
    Option(
        name="quiet",
        group=Group.LOGS,
        help="Do not print the startup banner.",
    ),
    Option(
        name="access-log",
        group=Group.LOGS,
        argument=Argument.OPTIONAL,
        metavar="FILE",
        bare="-",
        completes="file",
        default="none",
        help="Write one line per request to FILE, or to standard output.",
    ),
    choice_option(
        name="log-format",
        group=Group.LOGS,
        metavar="FORMAT",
        what="log format",
        default=LogFormat.COMBINED,
        help="Format of the access log: combined, vhost (combined with host and port in front),"
        " json, or brief (for people).",
    ),
    file_option(
        name="error-log",
        group=Group.LOGS,
        default="standard error",
        help="Write errors to FILE, one line per broken connection or exceeded limit.",
    ),
)

PROCESSES = (
    Option(
        name="workers",
        letter="n",
        group=Group.PROCESSES,
        argument=Argument.ONE,
        metavar="N",
        parse=values.workers(MAX_WORKERS),
        default="1",
        schema={"anyOf": [integer_schema(1, MAX_WORKERS), {"const": "auto"}]},
        help="Number of worker processes; 'auto' starts one per CPU.",
    ),
    Option(
        name="daemon",
        letter="D",
        group=Group.PROCESSES,
        help="Run in the background once the sockets accept connections. Requires -d or DOCROOT.",
    ),
    file_option(
        name="pid-file",
        group=Group.PROCESSES,
        help="Write the supervisor's process ID to FILE, which stays locked while the server"
        " runs and is removed on exit.",
    ),
    Option(
        name="ready-fd",
        group=Group.PROCESSES,
        argument=Argument.ONE,
        metavar="N",
        parse=values.file_descriptor,
        schema=integer_schema(1, 2**16),
        help="Write one JSON line with port, process ID and URLs to file descriptor N once the"
        " sockets accept connections.",
    ),
    seconds_option(
        name="grace",
        group=Group.PROCESSES,
        maximum=MAX_SECONDS,
        default="30",
        help="Time that accepted requests have to finish when the server stops or reloads.",
    ),
    seconds_option(
        name="drain-delay",
        group=Group.PROCESSES,
        maximum=MAX_SECONDS,
        default="0",
        help="When the server stops, time between the health check turning 503 and the first"
        " GOAWAY.",
    ),
    size_option(
        name="max-memory",
        group=Group.PROCESSES,
        maximum=MAX_MEMORY,
        minimum=MIN_MEMORY,
        default="none",
        help="Maximum memory of each worker. Above SIZE, a worker empties its caches; if that"
        " is not enough, it is replaced without losing a request.",
    ),
    Option(
        name="health",
        group=Group.PROCESSES,
        argument=Argument.ONE,
        metavar="PATH",
        parse=values.request_path,
        help="Answer 200 at PATH while serving and 503 while stopping.",
    ),
)

OTHER = (
    Option(
        name="config",
        group=Group.OTHER,
        argument=Argument.ONE,
        metavar="FILE",
        completes="file",
        in_file=False,
        help=(
            "Read options from a TOML file, by their long names; the command line takes precedence."
        ),
    ),
    Option(
        name="no-config",
        group=Group.OTHER,
        in_file=False,
        help="Ignore h2static.toml in the current folder, which is read unless --config is given.",
    ),
    Option(
        name="print-config",
        group=Group.OTHER,
        in_file=False,
        help="Print the effective configuration as TOML and exit.",
    ),
    Option(
        name="version",
        group=Group.OTHER,
        in_file=False,
        help="Print the version and exit.",
    ),
    Option(
        name="help",
        letter="h",
        group=Group.OTHER,
        in_file=False,
        help="Print the most common options, with examples.",
    ),
    Option(
        name="help-all",
        group=Group.OTHER,
        in_file=False,
        help="Print all options.",
    ),
)
