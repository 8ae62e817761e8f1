"""Which applications to serve, and where; plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_NAME: Final = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_TARGET: Final = re.compile(f"{_NAME}:{_NAME}")


class LifespanMode(StrEnum):
    """Whether an application is told of start and end."""

    #: If it has a lifespan; one that raises has none.
    AUTO = "auto"
    #: It has to have one.
    ON = "on"
    OFF = "off"


@dataclass(slots=True, kw_only=True, frozen=True)
class AppConfig:
    """One application.  Raises ``ValueError`` with one line for what is no name."""

    #: ``MODULE:ATTRIBUTE``, both dotted if wanted; empty where a program brings the object itself.
    target: str = ""
    #: Where it is mounted: ``/api``; empty: everywhere.
    prefix: str = ""
    #: The attribute is called without arguments, and returns the application.
    factory: bool = False
    #: It is a WSGI application.
    wsgi: bool = False
    lifespan: LifespanMode = LifespanMode.AUTO
    #: Where modules are looked for first; empty: nowhere in particular.
    app_dir: str = ""

    def __post_init__(self) -> None:
        """Check what was written."""
        if self.target and _TARGET.fullmatch(self.target) is None:
            raise ValueError(f"{self.target!r} is not MODULE:ATTRIBUTE")

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.target or self.prefix or "the application"
