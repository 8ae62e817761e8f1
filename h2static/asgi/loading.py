"""Imports an application by name.

Contract: :func:`load` imports the application that :class:`~h2static.asgi.config.AppConfig` names
and returns an ASGI 3 callable, or raises :class:`~h2static.errors.ApplicationError` with a one-line
message, and with the traceback if the application's own code raised.

Assumes: called once for each application, in the process that serves it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, cast

from h2static.asgi.config import AppConfig
from h2static.asgi.sources import watch_for_edits
from h2static.asgi.types import AsgiCallable, Receive, Scope, Send
from h2static.errors import ApplicationError

#: Parameters of a WSGI and of an ASGI application.
_OF_WSGI: Final = 2
_OF_ASGI: Final = 3


def load(config: AppConfig) -> AsgiCallable:
    """The application that ``config`` names.  Raises ``ApplicationError``."""
    found = _attribute(config, _import(config))
    if config.factory:
        if not callable(found):
            raise ApplicationError(f"{config.target}: not callable, so it cannot be a factory")
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise ApplicationError(
                f"{config.target}: the factory raised {error!r}", _own_lines(error)
            ) from error
    return checked(found, config)


def checked(application: object, config: AppConfig) -> AsgiCallable:
    """``application`` as an ASGI 3 callable.  Raises ``ApplicationError`` if it is none."""
    if not callable(application):
        hint = "" if config.factory else _factory_hint(application)
        raise ApplicationError(
            f"{config.name}: {type(application).__name__} object is not callable{hint}"
        )
    if config.wsgi:
        return _wrapped(application)
    count = _parameters(application)
    if count == _OF_WSGI:
        raise ApplicationError(
            f"{config.name}: takes two arguments, like a WSGI application; use --wsgi"
        )
    if count == 0 or inspect.isclass(application):
        raise ApplicationError(f"{config.name}: returns an application; use --factory")
    return cast("AsgiCallable", application)


def _factory_hint(found: object) -> str:
    return "; it is a module" if inspect.ismodule(found) else ""


def _import(config: AppConfig) -> object:
    if config.app_dir and config.app_dir not in sys.path:
        sys.path.insert(0, config.app_dir)
    if config.app_dir:
        watch_for_edits(config.app_dir)
    name = config.target.partition(":")[0]
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            where = f" in {config.app_dir}" if config.app_dir else ""
            raise ApplicationError(
                f"{config.target}: no module named {error.name}{where}"
            ) from error
        raise _import_failed(config, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failed(config, error) from error
    _check_place(config, name.partition(".")[0])
    return module


def _check_place(config: AppConfig, name: str) -> None:
    """Raise ``ApplicationError`` where the module ``name`` of the application's own folder is not
    the one that was imported: a process has one module of a name."""
    if not config.app_dir:
        return
    own = importlib.machinery.PathFinder.find_spec(name, [config.app_dir])
    imported = getattr(sys.modules.get(name), "__file__", None)
    if own is None or own.origin is None or imported is None:
        return
    with contextlib.suppress(OSError):
        if not os.path.samefile(own.origin, imported):
            raise ApplicationError(
                f"{config.target}: the module {name} is already imported from {imported}, not"
                f" {own.origin}: rename it"
            )


def _import_failed(config: AppConfig, error: BaseException) -> ApplicationError:
    return ApplicationError(f"{config.target}: importing it raised {error!r}", _own_lines(error))


def _attribute(config: AppConfig, found: object) -> object:
    module, _, path = config.target.partition(":")
    place = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise ApplicationError(f"{config.target}: {place} has no attribute {name}") from error
        place = f"{place}.{name}"
    return found


def _own_lines(error: BaseException) -> list[str]:
    """The traceback of ``error`` without the machinery of imports and without this module."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and _is_machinery(trace.tb_frame):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).splitlines()


def _is_machinery(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name == __file__ or "importlib" in name


def _parameters(application: Callable[..., object]) -> int | None:
    """The number of required arguments of ``application``; ``None``: unknown."""
    try:
        signature = inspect.signature(application)
    except (TypeError, ValueError):
        return None
    kinds = inspect.Parameter
    count = 0
    for parameter in signature.parameters.values():
        if parameter.kind is kinds.VAR_POSITIONAL:
            return None
        if parameter.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD):
            if parameter.default is not kinds.empty:
                return None
            count += 1
    return count


def _wrapped(application: Callable[..., object]) -> AsgiCallable:
    """A WSGI application behind ASGI."""
    try:
        from a2wsgi import WSGIMiddleware
    except ImportError:
        raise ApplicationError("--wsgi requires a2wsgi: pip install 'h2static[wsgi]'") from None
    # Any: a2wsgi has types of its own for the same shapes.
    inner = cast("AsgiCallable", WSGIMiddleware(cast("Any", application)))

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"WSGI does not support {scope['type']}")
        # CGI writes both X-A and X_A as HTTP_X_A: one could be passed off as the other.
        scope["headers"] = [one for one in scope["headers"] if b"_" not in one[0]]

        await inner(scope, receive, send)

    return serve
