"""Options of a running server: development, logs, processes; and those that end at once."""

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
    LogFormat,
)

DEVELOPMENT = (
    Option(
        name="dev",
        group=Group.DEVELOPMENT,
        help="For editing a site: live reload, a request log, lists of files, pages that explain"
        " errors, and no answer that a browser keeps. Listens on loopback unless -a is given.",
    ),
    Option(
        name="live-reload",
        group=Group.DEVELOPMENT,
        help="Have pages reload by themselves when files change; style sheets and images change"
        " without a reload.",
    ),
    Option(
        name="open",
        group=Group.DEVELOPMENT,
        help="Open a browser, unless a page is connected already.",
    ),
    Option(
        name="ignore",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="GLOB",
        default="what is not served, version control, node_modules, editors' temporary files",
        help="Do not reload for files or folders like GLOB either. Repeatable.",
    ),
    Option(
        name="poll",
        group=Group.DEVELOPMENT,
        help="Find changes by looking for them, without relying on notifications of the system."
        " Where file systems do not tell of all changes, that is done anyway.",
    ),
    integer_option(
        name="debounce",
        group=Group.DEVELOPMENT,
        metavar="MS",
        minimum=0,
        maximum=MAX_DEBOUNCE,
        default=str(DEFAULT_DEBOUNCE),
        help="Reload once it was quiet for MS milliseconds.",
    ),
    Option(
        name="allow-host",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="NAME",
        default="localhost, addresses, this machine's names",
        help="In dev mode answer to NAME as well; *.NAME stands for names under it. A certificate"
        " that is made on this machine is for NAME too, if that is a local name. Repeatable.",
    ),
    Option(
        name="run",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="COMMAND",
        help="Run COMMAND in a shell beside the server, such as 'npm run build -- --watch': what it"
        " prints is in the log, its errors are on the page, and it ends with the server."
        " Repeatable.",
    ),
    Option(
        name="watch",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="DIR",
        completes="directory",
        help="Reload pages when something changes in DIR, too. Repeatable.",
    ),
    Option(
        name="mock",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="PATTERN[=DIR]",
        parse=parse_mock,
        help="Answer paths like PATTERN from JSON files in DIR, by default the folder that is"
        " served: GET /api/users with api/users.json, POST with api/users.POST.201.json, whose"
        " status is 201. Repeatable.",
    ),
    Option(
        name="delay",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="PATTERN=TIME",
        parse=parse_delay,
        help="Hold requests for paths like PATTERN back for TIME, such as '/api/*=500ms'."
        " Repeatable.",
    ),
    Option(
        name="rate",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="PATTERN=SIZE",
        parse=parse_rate,
        help="Send responses for paths like PATTERN with SIZE octets a second each, such as"
        " '*.jpg=50K'. Repeatable.",
    ),
    Option(
        name="fail",
        group=Group.DEVELOPMENT,
        argument=Argument.MANY,
        metavar="PATTERN=STATUS[:PERCENT%]",
        parse=parse_failure,
        help="Answer paths like PATTERN with STATUS, as often as PERCENT says, such as"
        " '/api/*=503:10%'. Repeatable.",
    ),
    Option(
        name="no-service-workers",
        group=Group.DEVELOPMENT,
        help="Give browsers a service worker that removes itself in the place of every other, so"
        " that no page comes from a worker's cache.",
    ),
    Option(
        name="cors",
        group=Group.DEVELOPMENT,
        help="Let pages of other origins read the files.",
    ),
)

LOGS = (
    Option(
        name="verbose",
        letter="v",
        group=Group.LOGS,
        help="Print every frame that comes and goes.",
    ),
    Option(
        name="color",
        group=Group.LOGS,
        help="Colour the frame log even when standard output is no terminal.",
    ),
    Option(
        name="hexdump",
        group=Group.LOGS,
        help="Dump the octets of both directions, after decryption.",
    ),
    Option(
        name="quiet",
        group=Group.LOGS,
        help="Print no banner.",
    ),
    Option(
        name="access-log",
        group=Group.LOGS,
        argument=Argument.OPTIONAL,
        metavar="FILE",
        bare="-",
        completes="file",
        default="none",
        help="Write one line for each request to FILE, or to standard output.",
    ),
    choice_option(
        name="log-format",
        group=Group.LOGS,
        metavar="FORMAT",
        what="log format",
        default=LogFormat.COMBINED,
        help="Form of the access log: combined, json, or brief for people.",
    ),
    file_option(
        name="error-log",
        group=Group.LOGS,
        default="standard error",
        help="Write errors to FILE: one line for each broken connection or crossed limit.",
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
        help="Worker processes; 'auto' starts one for each processor.",
    ),
    Option(
        name="daemon",
        letter="D",
        group=Group.PROCESSES,
        help="Run in the background once the sockets accept. Needs -d or DOCROOT.",
    ),
    file_option(
        name="pid-file",
        group=Group.PROCESSES,
        help="Write the process id of the supervisor to FILE, which is locked while it runs and"
        " removed at the end.",
    ),
    Option(
        name="ready-fd",
        group=Group.PROCESSES,
        argument=Argument.ONE,
        metavar="N",
        parse=values.file_descriptor,
        schema=integer_schema(1, 2**16),
        help="Write one JSON line with port, process id and URLs to descriptor N once the"
        " sockets accept.",
    ),
    seconds_option(
        name="grace",
        group=Group.PROCESSES,
        maximum=MAX_SECONDS,
        default="30",
        help="Time that accepted requests get to finish when the server stops or reloads.",
    ),
    seconds_option(
        name="drain-delay",
        group=Group.PROCESSES,
        maximum=MAX_SECONDS,
        default="0",
        help="Time between the health check turning 503 and the first GOAWAY when the server"
        " stops.",
    ),
    size_option(
        name="max-memory",
        group=Group.PROCESSES,
        maximum=MAX_MEMORY,
        default="none",
        help="Memory of a worker as a whole: above SIZE it gives back what it remembers, and is"
        " replaced without losing a request if that is not enough.",
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
        help="Read options from a TOML file, each under its long name; the command line wins.",
    ),
    Option(
        name="no-config",
        group=Group.OTHER,
        in_file=False,
        help="Do not read h2static.toml in the current folder, which is read unless --config names"
        " another file.",
    ),
    Option(
        name="print-config",
        group=Group.OTHER,
        in_file=False,
        help="Print the effective configuration as such a file, and end.",
    ),
    Option(
        name="version",
        group=Group.OTHER,
        in_file=False,
        help="Print the version.",
    ),
    Option(
        name="help",
        letter="h",
        group=Group.OTHER,
        in_file=False,
        help="Print the options that most people look for, with examples.",
    ),
    Option(
        name="help-all",
        group=Group.OTHER,
        in_file=False,
        help="Print all options.",
    ),
)
