"""Files with secrets: private keys and their passwords.

Contract: :func:`check` refuses a world-writable secret: a user who replaces it can impersonate the
server.  A world-readable secret is used, with a warning from :func:`warnings`: Kubernetes and
Docker provide secrets with modes 0644 and 0444 on read-only mounts, and a container seldom has
other users.  ``Config.insecure_key`` is for file systems that show the same mode for every file: it
turns refusals and warnings off.

Assumes: the mode of the file protects it; its folders are not checked.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Iterator

from h2static.config import Config
from h2static.descriptors import open_regular_file
from h2static.errors import StartError

#: Octets of the longest password that OpenSSL accepts (PEM_BUFSIZE).
_MAX_PASSWORD = 1024
_END_OF_LINE = re.compile(rb"[\r\n]")
_KEY = "private key"
_PASSWORD = "password of the private key"  # noqa: S105 -- what it is called, not what it is


def check(config: Config) -> None:
    """Raise :class:`~h2static.errors.StartError` for a secret that cannot be read, or that others
    can change."""
    for what, path in _secrets(config):
        try:
            with open_regular_file(path) as file:
                mode = os.fstat(file.fileno()).st_mode
                read_only = bool(os.fstatvfs(file.fileno()).f_flag & os.ST_RDONLY)
                file.read(1)
        except OSError as error:
            raise StartError(f"cannot read the {what}: {path}: {error.strerror}") from error
        if mode & stat.S_IWOTH and not read_only and not config.insecure_key:
            raise StartError(
                f"the {what} is world-writable: {path}: use chmod o-w, or --insecure-key"
            )


def warnings(config: Config) -> list[str]:
    """One line for each secret of ``config`` that others can read."""
    if config.insecure_key:
        return []
    found = []
    for what, path in _secrets(config):
        try:
            mode = os.stat(path).st_mode
        except OSError:
            # :func:`check` reports that.
            continue
        if mode & stat.S_IROTH:
            found.append(f"the {what} is world-readable: {path}: use chmod o-r, or --insecure-key")
    return found


def read_password(path: str) -> bytes:
    """The first line of ``path``.

    Raises :class:`~h2static.errors.StartError` when that cannot be a password.
    """
    try:
        with open_regular_file(path) as file:
            # As in every file that an owner writes, a byte order mark and the end of the line are
            # the editor's.
            octets = file.read(_MAX_PASSWORD + len(codecs.BOM_UTF8) + 1)
            password = _END_OF_LINE.split(octets.removeprefix(codecs.BOM_UTF8), maxsplit=1)[0]
    except OSError as error:
        raise StartError(f"cannot read the {_PASSWORD}: {path}: {error.strerror}") from error
    if not password:
        raise StartError(f"the {_PASSWORD} is empty: {path}")
    if len(password) > _MAX_PASSWORD:
        raise StartError(f"the {_PASSWORD} is longer than {_MAX_PASSWORD} octets: {path}")
    return password


def _secrets(config: Config) -> Iterator[tuple[str, str]]:
    """The secrets, with their paths."""
    if config.key_file is not None:
        yield _KEY, config.key_file
    if config.key_password_file is not None:
        yield _PASSWORD, config.key_password_file
