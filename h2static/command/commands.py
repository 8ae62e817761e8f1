"""The commands of ``h2static`` that do not serve: ``config``, ``push-rules``, ``install-ca``,
``uninstall-ca``, ``hash-password`` and ``completion``.

Contract: each takes the arguments after its name, prints to standard output and returns the exit
status; it raises ``UsageError`` or ``StartError`` on errors.  ``-h`` or ``--help`` prints the
command's usage and purpose.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.resources import files

from h2static.command.configure import check_certificates, configure, with_files
from h2static.errors import StartError, UsageError

#: The files with completions, by shell.
COMPLETIONS = {"bash": "h2static.bash", "zsh": "_h2static", "fish": "h2static.fish"}


def config(words: Sequence[str]) -> int:
    """Check a configuration file, or print the schema of configuration files."""
    from h2static.command.toml_config import read_file, schema
    from h2static.server.key_pairs import key_pairs

    if list(words) == ["--schema"]:
        print(json.dumps(schema(), indent=2))
        return 0
    names = [word for word in words if word != "--check"]
    if len(names) != 1 or names[0].startswith("-") or len(words) > 2:
        raise UsageError("usage: h2static config --check FILE, or h2static config --schema")
    values = read_file(names[0]).values
    # PORT may be on the command line; any port will do for checking the rest.
    any_port = {} if "listen" in values else {"port": 1}
    decided = with_files(configure([], {}, {**any_port, **values}))
    check_certificates(decided, key_pairs(decided))
    print(f"{names[0]}: valid")
    return 0


def push_rules(words: Sequence[str]) -> int:
    """Print push rules for the pages in a folder, derived from the pages."""
    from h2static.site.hints.export import rules_of_folder

    if len(words) != 1 or words[0].startswith("-"):
        raise UsageError("usage: h2static push-rules DOCROOT > rules.json")
    try:
        print(rules_of_folder(words[0]), end="")
    except OSError as error:
        raise StartError(f"{words[0]}: {error.strerror}") from error
    except ValueError as error:
        raise StartError(f"{words[0]}: {error}") from error
    return 0


def install_ca(words: Sequence[str]) -> int:
    """Show how to trust the local CA, install it in the trust stores, or show which trust it."""
    from h2static.command.local_certificate import local_certificate
    from h2static.localca import trust
    from h2static.localca.stores import find_stores

    if list(words) not in ([], ["--yes"], ["--status"]):
        raise UsageError("usage: h2static install-ca [--yes|--status]")
    certificate = local_certificate()
    stores = find_stores()
    if not words:
        print(trust.instructions(certificate, stores))
        return 0
    if words[0] == "--status":
        held = trust.status(certificate.authority_file)
        _print_table([(store.who, state.value) for store, state in held])
        return 0 if all(state is trust.Trust.TRUSTED for _, state in held) else 1
    outcomes = trust.install(certificate, stores)
    _print_table([(one.store.who, one.text) for one in outcomes])
    for line in trust.browsers_not_found(stores):
        print(line)
    print(f"The authority: SHA-256 {certificate.fingerprint}\n{trust.restart_hint()}")
    return 0 if all(one.done for one in outcomes) else 1


def uninstall_ca(words: Sequence[str]) -> int:
    """Remove the local CA from every trust store."""
    from h2static.command.local_certificate import local_certificate
    from h2static.localca import trust
    from h2static.localca.stores import find_stores

    if words:
        raise UsageError("usage: h2static uninstall-ca")
    outcomes = trust.uninstall(local_certificate(), find_stores())
    _print_table([(one.store.who, one.text) for one in outcomes])
    print(trust.restart_hint())
    return 0 if all(one.done for one in outcomes) else 1


def _print_table(rows: Sequence[tuple[str, str]]) -> None:
    from h2static.logs.escape import escape

    width = max((len(who) for who, _ in rows), default=0)
    for who, text in rows:
        print(f"{escape(who):<{width}}  {escape(text)}")


def hash_password(words: Sequence[str]) -> int:
    """Print the hash of a password for ``--auth``."""
    import getpass
    import sys

    from h2static.server.basic_auth import hash_password as make_hash

    if words:
        # A password in the arguments would be visible in the process list.
        raise UsageError("usage: h2static hash-password (prompts for the password)")
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Again: "):
            raise UsageError("the passwords do not match")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise UsageError("the password is empty")
    print(make_hash(password))
    return 0


def completion(words: Sequence[str]) -> int:
    """Print a shell completion script."""
    if len(words) != 1 or words[0] not in COMPLETIONS:
        raise UsageError(f"usage: h2static completion {'|'.join(COMPLETIONS)}")
    script = files("h2static").joinpath("resources", COMPLETIONS[words[0]])
    print(script.read_text(encoding="utf-8"), end="")
    return 0


#: A command's function, usage and description.
_Command = tuple[Callable[[Sequence[str]], int], str, str]


def _command(run: Callable[[Sequence[str]], int], written: str, text: str) -> _Command:
    """Wrap ``run`` so that it also answers ``--help``."""

    def run_or_help(words: Sequence[str]) -> int:
        if "-h" in words or "--help" in words:
            print(f"Usage: h2static {written}\n\n{text}")
            return 0
        return run(words)

    return run_or_help, written, text


#: The commands by name; the help text and the manual page use them, too.
COMMANDS: dict[str, _Command] = {
    "config": _command(
        config,
        "config --check FILE | --schema",
        "Check a configuration file, or print the JSON Schema for configuration files.",
    ),
    "push-rules": _command(
        push_rules,
        "push-rules DOCROOT",
        "Print push rules for the pages in a folder, in the format that --push-rules reads.",
    ),
    "install-ca": _command(
        install_ca,
        "install-ca [--yes|--status]",
        "Show how to trust the local certificate authority (CA); --yes installs it, --status"
        " shows where it is trusted.",
    ),
    "uninstall-ca": _command(
        uninstall_ca,
        "uninstall-ca",
        "Remove the local certificate authority from every trust store.",
    ),
    "hash-password": _command(
        hash_password,
        "hash-password",
        "Prompt for a password and print its hash for --auth.",
    ),
    "completion": _command(
        completion,
        "completion bash|zsh|fish",
        "Print a shell completion script.",
    ),
}

#: Completions by the words typed so far, starting with the command's name: words to choose from, or
#: a kind of path as in ``Option.completes``.  Other words have no completions.
NEXT_WORDS: dict[str, tuple[str, ...] | str] = {
    "config": ("--check", "--schema"),
    "config --check": "file",
    "push-rules": "directory",
    "install-ca": ("--yes", "--status"),
    "uninstall-ca": (),
    "hash-password": (),
    "completion": tuple(COMPLETIONS),
}
