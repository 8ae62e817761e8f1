"""Writing: a file or standard output, and explanations as text or JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from hpacktools.jsonforms import pretty
from hpacktools.shapes import JSON
from hpacktools.stories import UnusableError

from .explanation_json import parameters_to_json, record_to_json
from .explanation_text import Renderer
from .interop import Parameters
from .options import coloured
from .session import RecordSteps


@contextmanager
def open_output(name: str) -> Iterator[BinaryIO]:
    """Open the file ``name``, or standard output for ``-``.

    Raises :class:`~hpacktools.stories.UnusableError` for a file that cannot be written.
    """
    if name == "-":
        yield sys.stdout.buffer
        return
    try:
        with open(name, "wb") as stream:
            yield stream
    except OSError as error:
        raise UnusableError(f"{name}: {error.strerror or error}") from None


class Explanations:
    """Writes explained records: text as they come, JSON as one document at the end."""

    def __init__(
        self, options: argparse.Namespace, parameters: Parameters, output: BinaryIO
    ) -> None:
        self._output = output
        self._parameters = parameters
        self._records: list[JSON] | None = [] if options.json else None
        self._renderer = Renderer(colour=coloured(options))
        if self._records is None:
            self._write(self._renderer.head(parameters))

    def record(self, steps: RecordSteps) -> None:
        """Write one record."""
        if self._records is not None:
            self._records.append(record_to_json(steps))
        else:
            self._write(self._renderer.render(steps))

    def finish(self) -> None:
        """Write what is still pending: the whole document for JSON."""
        if self._records is not None:
            document: JSON = {
                "settings": parameters_to_json(self._parameters),
                "records": self._records,
            }
            self._write(pretty(document) + "\n")

    def _write(self, text: str) -> None:
        self._output.write(text.encode())
