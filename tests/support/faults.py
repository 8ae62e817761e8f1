"""System calls that fail once, at the place that a test names.

Promise: while :meth:`Faults.at` is in force, the first call of one system call from one function of
the product ends as its :class:`Outcome` says; every other call goes through.  Nothing private is
touched.  Calls are caught where they can be replaced from outside: functions of the module ``os``
and names that a module imported from it (:meth:`Faults.catch`), listening sockets and what they
accept (:class:`FaultyListener`), ``SSLContext.sslsocket_class``, pollers (:class:`FaultyPoller`),
the library that ``ctypes`` loads (:class:`FaultyLibrary`).

Strategy: whoever stands in for a call looks at the caller's frame, so that a place is a module, a
function and a call, as :mod:`tests.faults.places` finds them in the sources.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import errno
import importlib.util
import os
import re
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NamedTuple, ParamSpec, TypeVar

import pytest

import h2static
from h2static.server.poller import Poller, make_poller

_PACKAGE = str(Path(h2static.__file__).resolve().parent) + os.sep
#: What Python adds to the name of a function for code inside it.
_INNER = re.compile(r"\.<locals>(\.<\w+>)?|\.<\w+>")

P = ParamSpec("P")
R = TypeVar("R")


class Place(NamedTuple):
    """Where the product asks the system for something."""

    #: Below the package, without its ending: ``server/link``.
    module: str
    #: ``Link.read``; a function in a function follows after a dot.
    function: str
    #: The last name of the call: ``recv``.
    call: str

    def __str__(self) -> str:
        return f"{self.module}:{self.function}:{self.call}"


@dataclass(slots=True, kw_only=True, frozen=True)
class Outcome:
    """How a call ends instead."""

    name: str
    #: Given the call's name, what it really is, and its arguments.
    act: Callable[..., Any]  # Any: calls of every kind, and what they return

    def __str__(self) -> str:
        return self.name


def raising(make: Callable[[], Exception], name: str) -> Outcome:
    """Nothing is done, and an exception is raised."""

    def act(call: str, real: object, *arguments: object, **named: object) -> None:
        raise make()

    return Outcome(name=name, act=act)


def error(number: int) -> Outcome:
    """Nothing is done, and ``OSError`` is raised."""
    return raising(lambda: OSError(number, os.strerror(number)), errno.errorcode[number])


def late_raising(make: Callable[[], Exception], name: str) -> Outcome:
    """It is done, and an exception is raised all the same."""

    def act(call: str, real: Callable[..., object], *arguments: object, **named: object) -> None:
        real(*arguments, **named)
        raise make()

    return Outcome(name=name, act=act)


def late_error(number: int) -> Outcome:
    """It is done, and ``OSError`` is raised all the same: so ``close`` fails on Linux."""
    name = f"{errno.errorcode[number]} afterwards"
    return late_raising(lambda: OSError(number, os.strerror(number)), name)


#: Where calls have the octets to write, the room to read into or its size.
_SIZES = {"recv": 0, "send": 0, "sendmsg": 0, "read": 1, "write": 1, "pread": 1, "preadv": 1}


def short(count: int = 1) -> Outcome:
    """No more than ``count`` octets are moved."""

    def cut(argument: Any) -> object:  # Any: whatever has a size
        if isinstance(argument, int):
            return min(argument, count)
        if isinstance(argument, list):
            return [memoryview(argument[0])[:count]]
        return memoryview(argument)[:count]

    def act(call: str, real: Callable[..., object], *arguments: object, **named: object) -> object:
        position = _SIZES[call]
        before, after = arguments[:position], arguments[position + 1 :]
        return real(*before, cut(arguments[position]), *after, **named)

    return Outcome(name=f"{count} octets", act=act)


@dataclass(slots=True, kw_only=True)
class Strike:
    """A fault that waits to happen, or has happened."""

    place: Place
    outcome: Outcome
    #: Calls that go through before.
    passes: int = 0
    happened: bool = False


class Faults:
    """Faults that wait to happen, each once; see the module."""

    def __init__(self) -> None:
        self._waiting: list[Strike] = []

    @contextlib.contextmanager
    def at(self, place: Place, outcome: Outcome, *, passes: int = 0) -> Iterator[Strike]:
        """Have ``outcome`` happen at ``place``, once, after the calls that pass; fails when it does
        not happen.  Skips the test where the place is compiled and has no frame."""
        if _is_compiled(place.module):
            pytest.skip(f"{place.module} is compiled")
        strike = Strike(place=place, outcome=outcome, passes=passes)
        self._waiting.append(strike)
        try:
            yield strike
        finally:
            self._waiting.remove(strike)
        assert strike.happened, f"{place} was not reached"

    def call(self, name: str, real: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Do ``real``, or what is to happen instead; called by what stands in for it."""
        if self._waiting:
            place = _place(sys._getframe(2), name)
            for strike in self._waiting:
                if strike.place != place or strike.happened:
                    continue
                if strike.passes:
                    strike.passes -= 1
                    continue
                strike.happened = True
                result: R = strike.outcome.act(name, real, *arguments, **named)
                return result
        return real(*arguments, **named)

    def catch(self, monkeypatch: pytest.MonkeyPatch, owner: ModuleType | type, *names: str) -> None:
        """Stand in for functions that ``owner`` has, has imported or finds among the built-in."""
        for name in names:
            real = getattr(owner, name, None) or getattr(builtins, name)
            monkeypatch.setattr(owner, name, self._stand_in(name, real), raising=False)

    def catch_files(
        self, monkeypatch: pytest.MonkeyPatch, owner: ModuleType | type, name: str
    ) -> None:
        """As :meth:`catch` for a function that opens a file, whose calls can fail then, too."""
        real = getattr(owner, name, None) or getattr(builtins, name)

        def stand_in(*arguments: object, **named: object) -> FaultyFile:
            return FaultyFile(self, self.call(name, real, *arguments, **named))

        monkeypatch.setattr(owner, name, stand_in, raising=False)

    @property
    def waiting(self) -> bool:
        """Whether a fault has not happened yet."""
        return not all(strike.happened for strike in self._waiting)

    def _stand_in(self, name: str, real: Callable[P, R]) -> Callable[P, R]:
        def stand_in(*arguments: P.args, **named: P.kwargs) -> R:
            return self.call(name, real, *arguments, **named)

        return stand_in


def _is_compiled(module: str) -> bool:
    found = importlib.util.find_spec(f"h2static.{module.replace('/', '.')}")
    return found is not None and not str(found.origin).endswith(".py")


def _place(frame: FrameType, name: str) -> Place | None:
    """Where ``name`` is called; ``None``: not in the product."""
    file = frame.f_code.co_filename
    if not file.startswith(_PACKAGE):
        return None
    module = file.removeprefix(_PACKAGE).removesuffix(".py").replace(os.sep, "/")
    return Place(module, _INNER.sub("", frame.f_code.co_qualname), name)


# ---------------------------------------------------------------------- what stands in


class FaultySocket(socket.socket):
    """An accepted socket, or another."""

    faults: Faults

    @classmethod
    def of(cls, made: socket.socket, faults: Faults) -> FaultySocket:
        """The same socket; ``made`` is not to be used any more."""
        one = cls(made.family, made.type, made.proto, fileno=made.detach())
        one.faults = faults
        return one

    def recv(self, size: int, flags: int = 0) -> bytes:
        return self.faults.call("recv", super().recv, size, flags)

    def send(self, data: Any, flags: int = 0) -> int:  # Any: as in typeshed
        return self.faults.call("send", super().send, data, flags)

    def sendmsg(self, *arguments: Any) -> int:
        return self.faults.call("sendmsg", super().sendmsg, *arguments)

    def setsockopt(self, *arguments: Any) -> None:
        self.faults.call("setsockopt", super().setsockopt, *arguments)

    def setblocking(self, flag: bool) -> None:
        self.faults.call("setblocking", super().setblocking, flag)

    def getsockname(self) -> Any:
        return self.faults.call("getsockname", super().getsockname)

    def shutdown(self, how: int) -> None:
        self.faults.call("shutdown", super().shutdown, how)

    def close(self) -> None:
        self.faults.call("close", super().close)


class FaultyListener(FaultySocket):
    """A listening socket whose accepted sockets can fail."""

    def accept(self) -> tuple[socket.socket, Any]:
        accepted, address = self.faults.call("accept", super().accept)
        return FaultySocket.of(accepted, self.faults), address


class FaultyTls(ssl.SSLSocket):
    """A connection over TLS; a context of :class:`FaultyContext` makes them."""

    @property
    def faults(self) -> Faults:
        assert isinstance(self.context, FaultyContext)
        return self.context.faults

    def recv(self, size: int = 1024, flags: int = 0) -> bytes:
        return self.faults.call("recv", super().recv, size, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        return self.faults.call("send", super().send, data, flags)

    def do_handshake(self, block: bool = False) -> None:
        self.faults.call("do_handshake", super().do_handshake, block)

    def unwrap(self) -> socket.socket:
        return self.faults.call("unwrap", super().unwrap)

    def setsockopt(self, *arguments: Any) -> None:
        self.faults.call("setsockopt", super().setsockopt, *arguments)

    def shutdown(self, how: int) -> None:
        self.faults.call("shutdown", super().shutdown, how)


class FaultyContext(ssl.SSLContext):
    """A server's TLS."""

    faults: Faults

    @classmethod
    def of(cls, cert: Path, key: Path, faults: Faults) -> FaultyContext:
        """With a certificate, for both protocols."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.faults = faults
        context.sslsocket_class = FaultyTls
        return context

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        return self.faults.call("wrap_socket", super().wrap_socket, *arguments, **named)


class FaultyFile:
    """An open file."""

    def __init__(self, faults: Faults, real: Any) -> None:  # Any: of text or of octets
        self._faults = faults
        self._real = real

    def read(self, *arguments: object) -> Any:
        return self._faults.call("read", self._real.read, *arguments)

    def write(self, *arguments: object) -> Any:
        return self._faults.call("write", self._real.write, *arguments)

    def flush(self) -> None:
        self._faults.call("flush", self._real.flush)

    def close(self) -> None:
        self._faults.call("close", self._real.close)

    def fileno(self) -> int:
        number: int = self._real.fileno()
        return number

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real)

    def __enter__(self) -> FaultyFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._real.close()


class FaultyPoller:
    """The best poller of this system, whose calls can fail."""

    def __init__(self, faults: Faults) -> None:
        self._poller: Poller = make_poller()
        self._faults = faults

    def register(self, descriptor: int, events: int) -> None:
        self._faults.call("register", self._poller.register, descriptor, events)

    def modify(self, descriptor: int, before: int, events: int) -> None:
        self._faults.call("modify", self._poller.modify, descriptor, before, events)

    def unregister(self, descriptor: int, events: int) -> None:
        self._faults.call("unregister", self._poller.unregister, descriptor, events)

    def poll(self, seconds: float, most: int) -> list[tuple[int, int]]:
        return self._faults.call("poll", self._poller.poll, seconds, most)

    def fileno(self) -> int:
        return self._poller.fileno()

    def close(self) -> None:
        self._faults.call("close", self._poller.close)


class FaultyLibrary:
    """The C library."""

    def __init__(self, faults: Faults, real: ctypes.CDLL, names: dict[str, str]) -> None:
        """``names``: what the product calls each function, by the function's own name."""
        self._faults = faults
        self._real = real
        self._names = names

    def __getattr__(self, name: str) -> FaultyFunction:
        return FaultyFunction(self._faults, self._names[name], getattr(self._real, name))


class FaultyFunction:
    """A function of C, whose errors are -1 and a number in ``errno``."""

    def __init__(self, faults: Faults, name: str, real: Any) -> None:  # Any: a foreign function
        self._faults = faults
        self._name = name
        self._real = real
        self.argtypes: tuple[type, ...] = ()

    def __call__(self, *arguments: object) -> int:
        self._real.argtypes = self.argtypes
        try:
            result: int = self._faults.call(self._name, self._real, *arguments)
        except OSError as error:
            ctypes.set_errno(error.errno or 0)
            return -1
        return result
