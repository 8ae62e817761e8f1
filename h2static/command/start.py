"""Runs the command ``h2static``.

Contract: :func:`run` returns the exit status: 0 stopped on request, 1 could not start, 2 usage
error, 3 an application refused to start.  Errors are one line on standard error.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from h2static.command.command_line import CommandLine, parse
from h2static.command.configure import check_certificates, configure, with_files
from h2static.command.options import OPERANDS, OPTIONS
from h2static.config import SERVER_NAME, Config, describe
from h2static.errors import ApplicationError, ApplicationFailed, StartError, UsageError
from h2static.version import __version__, build

if TYPE_CHECKING:
    from h2static.command.toml_config import FileConfig
    from h2static.localca.certificates import Certificate
    from h2static.process.early_signals import EarlySignals
    from h2static.process.launching import Launched
    from h2static.server.key_pairs import KeyPair
    from h2static.server.listeners import Listener

#: The configuration file that is read from the working folder.
CONFIG_FILE = "h2static.toml"
EXIT_STOPPED = 0
EXIT_NOT_STARTED = 1
EXIT_USAGE = 2
EXIT_APPLICATION_FAILED = 3


def run(
    words: list[str],
    early_signals: EarlySignals,
    launched: Launched | None = None,
    closed: frozenset[int] = frozenset(),
) -> int:
    """Run the command line ``words``.  Returns the exit status.

    ``launched``: a process that waits to become the first worker; it is stopped if it is not
    needed.  ``closed``: the standard descriptors that the caller did not pass.
    """
    spare = _Spare(launched, closed)
    try:
        return _run(words, early_signals, spare)
    except UsageError as error:
        return _fail(str(error), EXIT_USAGE)
    except ApplicationError as error:
        failed = isinstance(error, ApplicationFailed)
        code = EXIT_APPLICATION_FAILED if failed else EXIT_NOT_STARTED
        return _fail(str(error), code, error.details)
    except StartError as error:
        return _fail(str(error), EXIT_NOT_STARTED)
    except BrokenPipeError:
        # ``h2static --help | head``: the reader is done; the interpreter need not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_NOT_STARTED
    except OSError as error:
        return _fail(describe(error), EXIT_NOT_STARTED)
    except KeyboardInterrupt:
        # Only before the supervisor handles signals.
        return EXIT_STOPPED
    finally:
        spare.discard()


class _Spare:
    """Resources opened in advance: the worker process until it is taken, and descriptors."""

    def __init__(self, launched: Launched | None, closed: frozenset[int]) -> None:
        self._launched = launched
        self._closed = closed

    def take(self) -> Launched | None:
        """Return the process, which now belongs to the caller."""
        launched, self._launched = self._launched, None
        return launched

    def discard(self) -> None:
        """Stop the process unless it was taken."""
        launched = self.take()
        if launched is not None:
            launched.discard()

    def owns(self, descriptor: int) -> bool:
        """Whether ``descriptor`` was opened in advance, and not passed by the caller."""
        if descriptor in self._closed:
            return True
        return self._launched is not None and self._launched.line.fileno() == descriptor


def _fail(text: str, code: int, details: Sequence[str] = ()) -> int:
    from h2static.logs.escape import escape

    print(f"h2static: {escape(text)}", file=sys.stderr)
    for line in details:
        print(escape(line), file=sys.stderr)
    return code


def _run(words: list[str], early_signals: EarlySignals, spare: _Spare) -> int:
    if words and not words[0].startswith("-") and not words[0].isdigit():
        from h2static.command.commands import COMMANDS

        if words[0] in COMMANDS:
            # Nothing is served: signals have their default effect.
            early_signals.release()
            return COMMANDS[words[0]][0](words[1:])
    line = parse(words, OPTIONS)
    if line.values.get("help"):
        from h2static.command.help_text import SHORT

        print(SHORT, end="")
        return EXIT_STOPPED
    if line.values.get("help-all"):
        from h2static.command.commands import COMMANDS
        from h2static.command.help_text import render

        commands = [(written, text) for _, written, text in COMMANDS.values()]
        print(render(OPTIONS, OPERANDS, commands), end="")
        return EXIT_STOPPED
    if line.values.get("version"):
        print(f"{SERVER_NAME} {__version__} ({build()})")
        return EXIT_STOPPED
    if line.values.get("print-config"):
        return _print_config(line)
    loaded = load(words)
    early_signals.hold_all()
    return _serve(words, loaded, spare)


def _read_file(line: CommandLine) -> FileConfig | None:
    """Read the file of ``--config``, or the one in the working folder; ``None`` without one."""
    path = line.values.get("config") or _found_file(line)
    if path is None:
        return None
    from h2static.command.toml_config import read_file

    return read_file(str(path))


def _found_file(line: CommandLine) -> str | None:
    """The configuration file in the working folder, unless another one is named."""
    if line.values.get("config") is not None or line.values.get("no-config"):
        return None
    return CONFIG_FILE if os.path.isfile(CONFIG_FILE) else None


def _print_config(line: CommandLine) -> int:
    """Print the merged configuration of command line and file, once it is known to be valid."""
    from h2static.command.host_tables import absolute
    from h2static.command.toml_config import FileConfig, from_words, render

    file = _read_file(line) or FileConfig(written={}, values={})
    config = configure(line.operands, line.values, file.values)
    decided: dict[str, object] = {}
    if "port" in file.values or line.operands:
        decided["port"] = config.port
    for name in ("host", "listen", "mount"):
        # In a file, these are tables whose paths are relative to its folder.
        if name in line.written:
            decided[name] = [
                absolute(name, one, os.getcwd()) for one in cast("list[object]", line.written[name])
            ]
        elif name in file.written:
            decided[name] = absolute(name, file.written[name], file.folder)
    if config.folder:
        decided["htdocs"] = config.root
    for option in OPTIONS:
        # The output may be saved anywhere: paths must be absolute.
        path = getattr(config, option.key, None) or getattr(config.site, option.key, None)
        if option.completes == "file" and isinstance(path, str):
            decided[option.name] = path
    if config.key_file is not None:
        decided.update(key=config.key_file, cert=config.cert_file)
    print(render({**file.written, **from_words(line.written), **decided}), end="")
    return EXIT_STOPPED


@dataclass(slots=True, kw_only=True)
class Loaded:
    """The result of a command line."""

    config: Config
    #: The local certificate, if it is used.
    certificate: Certificate | None


def load(words: Sequence[str]) -> Loaded:
    """Build the configuration for the command line ``words``.

    Files that options name, except those in the root, are read and checked now, so that errors are
    reported before anything is started or replaced.  Raises ``UsageError`` or ``StartError``.
    """
    line = parse(words, OPTIONS)
    file = _read_file(line)
    config = with_files(configure(line.operands, line.values, file.values if file else {}))
    config = replace(config, found_file=_found_file(line))
    if config.no_tls:
        return Loaded(config=config, certificate=None)
    from h2static.command.local_certificate import with_local_certificate
    from h2static.server.key_pairs import common_pair, key_pairs

    config, certificate = with_local_certificate(config)
    for pair in key_pairs(config):
        _try_pair(config, pair)
    own = None if certificate is None else common_pair(config)
    check_certificates(config, [one for one in key_pairs(config) if one != own])
    return Loaded(config=config, certificate=certificate)


def _try_pair(config: Config, pair: KeyPair) -> None:
    """Check that ``pair`` can be used on each port.  Raises ``StartError`` with the place where
    the error was written."""
    from h2static.host_config import ListenConfig
    from h2static.server.key_pairs import owner_of
    from h2static.server.tls import make_context

    tries: list[tuple[str, ListenConfig]] = []
    if config.hosts or config.listens:
        # Without the policy of any port: an error is then the pair's fault.
        owner = owner_of(config, pair)
        tries.append((owner.where if owner is not None else "", ListenConfig(port=0)))
    tries += [
        (one.where if config.listens else "", one) for one in config.listening if not one.no_tls
    ]
    for where, listen in tries:
        try:
            make_context(pair.of(config, listen), tickets=False)
        except StartError as error:
            raise StartError(f"{where}: {error}" if where else str(error)) from error


def _serve(words: list[str], loaded: Loaded, spare: _Spare) -> int:
    """Open the sockets, serve, and close them."""
    from h2static.process.systemd import take_sockets
    from h2static.server.descriptor_limit import raise_descriptor_limit
    from h2static.server.listeners import adopt_listeners, open_listeners

    began = time.monotonic()
    config = loaded.config
    if config.ready_fd is not None:
        _check_descriptor(config.ready_fd, spare)
    raise_descriptor_limit()
    inherited = take_sockets()
    if inherited:
        listeners = adopt_listeners(inherited, config)
    else:
        listeners = open_listeners(config, config.workers)
    try:
        _supervise(words, loaded, listeners, spare, began)
    finally:
        for listener in listeners:
            listener.close()
    return EXIT_STOPPED


def _supervise(
    words: list[str],
    loaded: Loaded,
    listeners: Sequence[Listener],
    spare: _Spare,
    began: float,
) -> None:
    """Become a daemon if requested, and run the supervisor.

    ``began``: when the start began, in monotonic seconds.
    """
    from h2static.command.banner import banner
    from h2static.command.run_commands import commands_running
    from h2static.process.daemon import leave_terminal
    from h2static.process.pid_file import PidFile
    from h2static.process.supervisor import Supervisor
    from h2static.process.systemd import Notifier

    config = loaded.config
    folder = _working_folder()
    if config.daemon:
        # It would be the child of a process that exits.
        spare.discard()
    serving = leave_terminal() if config.daemon else None
    pid_file = PidFile(config.pid_file) if config.pid_file is not None else None
    urls = [one.url(config.listening[one.place].scheme) for one in listeners]

    def announce() -> None:
        if config.verbose:
            _say(1, "\n".join(listener.describe() for listener in listeners))
        if not config.quiet:
            seconds = time.monotonic() - began
            _say(2, banner(config, listeners, loaded.certificate, seconds))
        if config.ready_fd is not None:
            port = next((one.port for one in listeners if one.port is not None), None)
            ready = {"port": port, "pid": os.getpid(), "urls": urls}
            _tell_ready(config.ready_fd, json.dumps(ready))
        if serving is not None:
            serving()

    def reload() -> Config:
        # A daemon has left the folder that relative names refer to.
        if folder is not None:
            os.chdir(folder)
        try:
            # The browser has been opened, or was closed for a reason.
            return replace(load(words).config, open=False)
        finally:
            if config.daemon:
                os.chdir("/")

    try:
        with commands_running(config, folder) as config:
            Supervisor(
                config,
                listeners,
                reload=lambda: replace(reload(), run_report=config.run_report),
                announce=announce,
                notifier=Notifier(),
                launched=spare.take(),
            ).run()
    finally:
        if pid_file is not None:
            pid_file.remove()


def _working_folder() -> str | None:
    """The working folder; ``None`` if it was removed: then nothing is relative to it."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def _say(descriptor: int, text: str) -> None:
    """Write lines to a standard stream; serving does not depend on a reader."""
    with contextlib.suppress(OSError):
        os.write(descriptor, text.encode("utf-8", "backslashreplace") + b"\n")


def _check_descriptor(descriptor: int, spare: _Spare) -> None:
    """Check the descriptor before anything else is opened, which might get the same number."""
    try:
        if spare.owns(descriptor):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        os.fstat(descriptor)
    except OSError as error:
        raise StartError(f"--ready-fd {descriptor}: {error.strerror}") from error


def _tell_ready(descriptor: int, line: str) -> None:
    """Write ``line`` to ``descriptor`` and close it, unless it is a standard stream."""
    try:
        os.write(descriptor, line.encode("utf-8") + b"\n")
        if descriptor > 2:
            os.close(descriptor)
    except OSError as error:
        raise StartError(f"--ready-fd {descriptor}: {error.strerror}") from error
