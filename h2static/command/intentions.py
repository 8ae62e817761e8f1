"""Hints for unknown options: a table of intentions, and similar spellings.

Contract: :func:`option_meant` and :func:`command_meant` return the end of an error message, or
nothing.  Shared letters say little about what a user wants (``--https`` is not a misspelling of
``--hints``), so a table lists frequent requests, and otherwise only close spellings are suggested.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from h2static.command.options import COMMAND_NAMES

#: Names with at least this similarity are misspellings.
_ALIKE = 0.8

_PORT = "the port is an argument: h2static 8080 ./www"
_FOLDER = "the folder is an argument: h2static 8080 ./www"
_ADDRESS = "did you mean --address? -a 0.0.0.0 lets other machines connect"
_KEYS = "KEY and CERT are arguments: PORT [DOCROOT] KEY CERT"
_TLS = "TLS is on unless you pass --no-tls; h2static install-ca makes browsers trust it"
_LIST = "did you mean --listing?"
_OPEN = "did you mean --open?"
_NOT_OPEN = "h2static opens no browser unless you pass --open"
_SPA = "did you mean --spa index.html?"
_RELOAD = "did you mean --dev, or --live-reload alone?"
_CACHE = "did you mean --dev, or --cache '*=no-store'?"
_LOG = "did you mean --access-log?"
_COMPRESS = "did you mean --compress?"
_SIBLINGS = "precompressed files such as app.js.br are served automatically"
_PROXY = "did you mean --proxy PREFIX=URL? For a Python application, use --app"
_PREFIX = "did you mean --mount /PREFIX=DIR, which serves DIR under a path?"

#: The hint for each name, without dashes.
_INTENTIONS = {
    _PORT: "port p",
    _FOLDER: "root directory dir folder path public-dir docroot document-root static",
    _ADDRESS: "hostname bind ip interface lan expose listen-address",
    _KEYS: "key cert ssl-key ssl-cert tls-key tls-cert certfile keyfile ssl-keyfile ssl-certfile",
    _TLS: "https tls ssl secure http2 h2 local-https auto-https tls-auto mkcert",
    "did you mean --no-tls?": "http h2c insecure no-https no-ssl plain cleartext",
    _LIST: "list directory-listing directories browse autoindex indexes tree show-dir",
    _OPEN: "browser launch o start",
    _NOT_OPEN: "no-open no-browser",
    _SPA: "single fallback history history-fallback history-api-fallback rewrite rewrites"
    " render-spa page-fallback entry-file try-files single-page",
    _RELOAD: "reload livereload hot hmr live auto-reload refresh development",
    _CACHE: "no-cache cache-control max-age no-http-cache nocache",
    _LOG: "log log-level logs log-requests access-logs",
    _COMPRESS: "gzip brotli br zstd zst deflate compression encode encoding g b",
    "did you mean --auth USER:HASH? h2static hash-password prints the hash": "basic-auth username"
    " user password htpasswd login credentials",
    _SIBLINGS: "gzip-static brotli-static precompressed static-gzip",
    _PROXY: "api backend upstream reverse-proxy forward",
    _PREFIX: "base base-path base-url public-path public-url prefix",
    "did you mean --host NAME=DOCROOT?": "vhost virtual-host server-name",
    "did you mean --quiet?": "silent no-banner",
    "did you mean --header?": "headers add-header custom-headers",
    "did you mean --languages en,de?": "language lang locale locales i18n",
    "did you mean --netlify, which follows _redirects?": "redirects redirect",
    "did you mean --error-page 404=404.html?": "404 not-found notfound error-pages 404-page",
    "did you mean --clean-urls?": "html-extensions clean strip-html extensions try-html",
    "did you mean --workers?": "threads processes cluster jobs",
    "did you mean --dev?": "mode serve server",
    "did you mean --follow-symlinks?": "symlinks follow-links allow-symlinks",
    "did you mean --dot-names '.*'?": "hidden dotfiles dot-files all include-hidden",
    "did you mean --daemon?": "background detach fork",
}
_OF_OPTIONS = {word: text for text, words in _INTENTIONS.items() for word in words.split()}

_COMMANDS = {
    "serve server start up preview": "no command is needed to serve: h2static 8080 ./www",
    "dev develop watch live": "did you mean h2static --dev?",
    "help": "did you mean h2static --help?",
    "version": "did you mean h2static --version?",
    "trust": "did you mean h2static install-ca --yes?",
    "untrust": "did you mean h2static uninstall-ca?",
    "completions": "did you mean h2static completion?",
}
_OF_COMMANDS = {word: text for words, text in _COMMANDS.items() for word in words.split()}


def intention(name: str) -> str:
    """The hint for the option ``name``, if the table has one."""
    return _OF_OPTIONS.get(name, "")


def option_meant(word: str, names: Sequence[str]) -> str:
    """What to write instead of the option ``word``; ``names`` are the existing options."""
    name = word.partition("=")[0].strip("-").lower()
    if name in _OF_OPTIONS:
        return intention(name)
    near = _near(name, names)
    return f"did you mean --{near}?" if near else ""


def command_meant(word: str) -> str:
    """A hint for ``word`` in place of a command."""
    if word.lower() in _OF_COMMANDS:
        return _OF_COMMANDS[word.lower()]
    near = _near(word, COMMAND_NAMES)
    return f"did you mean h2static {near}?" if near else ""


def _near(word: str, names: Sequence[str]) -> str:
    """The name that ``word`` misspells; empty: none."""
    near = difflib.get_close_matches(word, names, n=1, cutoff=_ALIKE)
    return near[0] if near else ""
