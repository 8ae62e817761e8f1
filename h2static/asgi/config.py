"""Which applications to serve, and where; plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_NAME: Final = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_TARGET: Final = re.compile(f"{_NAME}:{_NAME}")


class LifespanMode(StrEnum):
    """Whether an application gets lifespan events."""

    #: If it supports lifespan; an application that raises does not.
    AUTO = "auto"
    #: It must support lifespan.
    ON = "on"
    OFF = "off"


@dataclass(slots=True, kw_only=True, frozen=True)
class AppConfig:
    """One application.  Raises ``ValueError`` with a one-line message for an invalid name."""

    #: ``MODULE:ATTRIBUTE``, both optionally dotted; empty if a program provides the object itself.
    target: str = ""
    #: Where it is mounted: ``/api``; empty: everywhere.
    prefix: str = ""
    #: The attribute is called without arguments, and returns the application.
    factory: bool = False
    #: It is a WSGI application.
    wsgi: bool = False
    lifespan: LifespanMode = LifespanMode.AUTO
    #: The folder to search for modules first; empty: none.
    app_dir: str = ""

    def __post_init__(self) -> None:
        """Check what was written."""
        if self.target and _TARGET.fullmatch(self.target) is None:
            raise ValueError(f"{self.target!r} is not MODULE:ATTRIBUTE")

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.target or self.prefix or "the application"
